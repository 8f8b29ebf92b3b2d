/** PKCS #10 requests: who asks to be called what. */
// Its decorators need it, whoever is loaded first.
import "reflect-metadata";
import { Pkcs10CertificateRequest } from "@peculiar/x509";

/** What a request asks to be called. */
export interface RequestedSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly hasOthers: boolean;
}

/** Throws when the text is no request, or was not signed with its own key. */
export async function parseRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  // What stands before it is for whoever reads it.
  const request = new Pkcs10CertificateRequest(pem.slice(Math.max(0, pem.indexOf("-----BEGIN"))));
  if (!(await request.verify())) throw new Error("the request is not signed with its own key");
  return request;
}

export function subjectOf(request: Pkcs10CertificateRequest): RequestedSubject {
  const { subjectName } = request;
  const [commonName = ""] = subjectName.getField("CN");
  const alternatives = "2.5.29.17";
  return {
    commonName,
    organizations: subjectName.getField("O"),
    hasOthers: request.extensions.some(({ type }) => type === alternatives),
  };
}
