/** All functions that Kubernetes has in its rules. */
import { addAuthorizerLibrary } from "./authorizer-library.ts";
import { addKubeLibrary } from "./kube-library.ts";
import { FunctionTable } from "./overloads.ts";
import { addStandard } from "./standard.ts";
import { addTextsLibrary } from "./texts-library.ts";

export const library: FunctionTable = new FunctionTable();
addStandard(library);
addTextsLibrary(library);
addKubeLibrary(library);
addAuthorizerLibrary(library);
