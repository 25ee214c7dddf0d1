/** Nanoseconds a request: decoding in place beside redis-parser. */
import { bench, do_not_optimize, group, run } from 'mitata'
import RedisParser from 'redis-parser'
import { COMPLETE, RequestReader } from '../../src/protocol/request-reader.ts'
import { blockOf } from '../../src/structures/block.ts'

/** Requests in one chunk: what a pipelining client's read brings. */
const DEPTH = 64

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

const cases: Record<string, string[]> = {
  PING: ['PING'],
  'GET, 16-byte key': ['GET', 'key:000000000123'],
  'SET, 16-byte key, 32-byte value': ['SET', 'key:000000000123', 'v'.repeat(32)],
  'SET, 16-byte key, 1 KiB value': ['SET', 'key:000000000123', 'v'.repeat(1024)],
  'MSET, 100 arguments': [
    'MSET',
    ...Array.from({ length: 99 }, (_, i) => (i % 2 === 0 ? `key:${i}` : 'v'.repeat(32))),
  ],
}

for (const [name, words] of Object.entries(cases)) {
  const block = blockOf(encode(words).repeat(DEPTH))
  const reader = new RequestReader()
  const parser = new RedisParser({
    returnBuffers: true,
    returnReply: (reply: unknown) => do_not_optimize(reply),
    returnError: () => {},
  })
  group(`${name} (${DEPTH} requests an iteration)`, () => {
    bench('request reader', () => {
      reader.at = 0
      let seen = 0
      while (reader.next(block, block.bytes.length, false) === COMPLETE) seen += reader.args.count
      if (seen !== DEPTH * words.length) throw new Error(`saw ${seen}`)
    })
    bench('redis-parser', () => parser.execute(block.bytes))
  })
}

await run()
