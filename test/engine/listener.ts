/** A client for tests in which several clients act on each other: it also shows what it was sent unasked. */
import type { Client } from '../../src/engine/client.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { LocalConnection } from '../../src/network/local-connection.ts'

export class Listener {
  readonly connection: LocalConnection
  readonly client: Client

  constructor(engine: Engine, resp: 2 | 3 = 2) {
    this.connection = new LocalConnection(engine)
    this.client = this.connection.client
    if (resp === 3) this.connection.call('HELLO', '3')
  }

  /** Runs a command line whose arguments have no blanks; returns all that has come, as latin1. */
  run(line: string): string {
    return this.call(...line.split(' '))
  }

  /** Runs a command; strings are latin1. */
  call(...args: readonly (string | Buffer)[]): string {
    const bytes = args.map((arg) => (typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg))
    return this.connection.call(...bytes).toString('latin1')
  }

  /** What has come since. */
  take(): string {
    return this.connection.take().toString('latin1')
  }
}

/** A message as RESP2 (or, with '>', RESP3) sends it. */
export function message(channel: string, text: string, type: '*' | '>' = '*'): string {
  return `${type}3\r\n$7\r\nmessage\r\n${bulk(channel)}${bulk(text)}`
}

export function patternMessage(
  pattern: string,
  channel: string,
  text: string,
  type: '*' | '>' = '*',
): string {
  return `${type}4\r\n$8\r\npmessage\r\n${bulk(pattern)}${bulk(channel)}${bulk(text)}`
}

/** How a change of a subscription is confirmed. */
export function confirmation(
  word: string,
  name: string | null,
  count: number,
  type: '*' | '>' = '*',
): string {
  const none = type === '>' ? '_\r\n' : '$-1\r\n'
  return `${type}3\r\n${bulk(word)}${name === null ? none : bulk(name)}:${count}\r\n`
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}
