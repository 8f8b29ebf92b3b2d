/** What a resolver asks about an alias, and what it is answered, as messages of DNS (RFC 1035). Pure. */

export interface Question {
  readonly id: number;
  /** Its flags that an answer repeats: the kind of question, and that it may be asked further. */
  readonly flags: number;
  /** In small letters, without the dot behind. */
  readonly name: string;
  readonly type: number;
  /** As it was said. */
  readonly bytes: Uint8Array;
}

export const recordTypes = { A: 1, CNAME: 5, AAAA: 28 } as const;
export const codes = { ok: 0, failed: 2, unknown: 3, refused: 5 } as const;

export interface AliasAnswer {
  readonly code: number;
  /** The host that the name means. */
  readonly target?: string;
  /** Of the host: in the form of its record. */
  readonly addresses?: readonly { readonly bytes: Uint8Array; readonly ttl: number }[];
}

const headerSize = 12;
const internet = 1;
/** Kind of question and "ask further". */
const repeated = 0x7900;
const [isAnswer, asksFurther, kindOfQuestion] = [0x8000, 0x0080, 0x7800];
/** Every resolver takes so much by UDP. */
const messageMax = 512;
/** A Service may mean another host from one moment to the next. */
const aliasSeconds = 5;

/** Undefined: nothing that is answered. */
export function parseQuestion(message: Uint8Array): Question | undefined {
  if (message.length < headerSize) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const [id, flags, questions] = [view.getUint16(0), view.getUint16(2), view.getUint16(4)];
  if ((flags & (isAnswer | kindOfQuestion)) !== 0 || questions !== 1) return undefined;
  const labels: string[] = [];
  let at = headerSize;
  for (let size = message[at] ?? 0; size !== 0; size = message[at] ?? 0) {
    // What is longer than a label leads elsewhere in the message, as no question does.
    if (size > 63 || at + 1 + size >= message.length) return undefined;
    labels.push(Buffer.from(message.subarray(at + 1, at + 1 + size)).toString("latin1"));
    at += 1 + size;
  }
  if (at + 5 > message.length || view.getUint16(at + 3) !== internet) return undefined;
  const bytes = message.slice(headerSize, at + 5);
  const name = labels.join(".").toLowerCase();
  return { id, flags: flags & repeated, name, type: view.getUint16(at + 1), bytes };
}

export function answerMessage({ id, flags, bytes }: Question, answer: AliasAnswer): Uint8Array {
  const { code, target, addresses = [] } = answer;
  const records: Uint8Array[] = [];
  let size = headerSize + bytes.length;
  const add = (pointer: number, type: number, ttl: number, data: Uint8Array): void => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc000 | pointer, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(internet, 4);
    head.writeUInt32BE(ttl, 6);
    head.writeUInt16BE(data.length, 10);
    if (size + head.length + data.length > messageMax) return;
    records.push(Buffer.concat([head, data]));
    size += head.length + data.length;
  };
  if (target !== undefined) {
    add(headerSize, recordTypes.CNAME, aliasSeconds, nameBytes(target));
    // The host's name is what the record before this one holds.
    const pointer = headerSize + bytes.length + headerSize;
    for (const { bytes: data, ttl } of addresses)
      add(pointer, data.length === 4 ? recordTypes.A : recordTypes.AAAA, ttl, data);
  }
  const head = Buffer.alloc(headerSize);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(isAnswer | flags | asksFurther | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, bytes, ...records]);
}

function nameBytes(name: string): Uint8Array {
  const labels = name.split(".").map((label) => Buffer.from(label, "latin1"));
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), label])),
    Buffer.from([0]),
  ]);
}
