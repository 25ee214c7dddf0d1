/** DEBUG PROTOCOL: one reply of every kind the protocol has, for the tests of client libraries. */
import type { Arguments } from '../protocol/arguments.ts'
import { err } from '../protocol/error-replies.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'

const SAMPLES: Readonly<Record<string, (reply: ReplyWriter) => void>> = {
  string: (reply) => reply.bulkText('Hello World'),
  integer: (reply) => reply.integer(12_345),
  // oxlint-disable-next-line approx-constant -- Redis's sample, not pi
  double: (reply) => reply.double(3.141),
  bignum: (reply) => reply.bigNumber('1234567999999999999999999999999999999'),
  null: (reply) => reply.null(),
  array: (reply) => {
    reply.arrayHeader(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  set: (reply) => {
    reply.setHeader(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  map: (reply) => {
    reply.mapHeader(3)
    for (let i = 0; i < 3; i++) {
      reply.integer(i)
      reply.boolean(i === 1)
    }
  },
  attrib: (reply) => {
    if (reply.resp > 2) {
      reply.attributeHeader(1)
      reply.bulkText('key-popularity')
      reply.arrayHeader(2)
      reply.bulkText('key:123')
      reply.integer(90)
    }
    reply.bulkText('Some real reply following the attribute')
  },
  push: (reply) => {
    if (reply.resp < 3) throw err('RESP2 is not supported by this command')
    reply.pushHeader(2)
    reply.bulkText('server-cpu-usage')
    reply.integer(42)
    reply.bulkText('Some real reply following the push reply')
  },
  verbatim: (reply) => reply.verbatim('txt', 'This is a verbatim\nstring'),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
}

/** Replies with the sample that argument 2 names. */
export function replyProtocolSample(reply: ReplyWriter, args: Arguments): void {
  const name = args.text(2).toLowerCase()
  if (!Object.hasOwn(SAMPLES, name)) {
    throw err(`Wrong protocol type name. Please use one of the following: ${Object.keys(SAMPLES).join('|')}`)
  }
  SAMPLES[name](reply)
}
