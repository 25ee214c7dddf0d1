/**
 * How many changes each write on strings, bits and lists counts (what save points count) and which events it
 * makes, command by command on random streams. notifications.test.ts has chosen cases of the other commands.
 */
import { expect, test } from 'vitest'
import { Dice, type Template } from './random.ts'
import { RawClient } from './raw-client.ts'
import { toStep } from './steps.ts'
import { compat } from './suite.ts'

const LENGTH = 1500

const writes: readonly Template[] = [
  (d) => ['SET', d.key(), d.value(), ...d.pick([[], ['EX', '1000'], ['NX'], ['XX'], ['GET']])],
  (d) => ['SETNX', d.key(), 'v'],
  (d) => ['SETEX', d.key(), '100', 'v'],
  (d) => ['GETSET', d.key(), 'v'],
  (d) => ['GETDEL', d.key()],
  (d) => ['GETEX', d.key(), ...d.pick([[], ['EX', '10'], ['PERSIST'], ['PXAT', '1']])],
  (d) => ['MSET', d.key(), '1', d.key(), '2'],
  (d) => ['MSETNX', d.key(), '1', d.key(), '2'],
  (d) => ['APPEND', d.key(), d.pick(['', 'x'])],
  (d) => ['SETRANGE', d.key(), '3', d.pick(['', 'x'])],
  (d) => [d.pick(['INCR', 'DECR']), d.key()],
  (d) => ['INCRBYFLOAT', d.key(), '1.5'],
  (d) => ['SETBIT', d.key(), `${d.below(30)}`, `${d.below(2)}`],
  (d) => ['BITOP', 'AND', d.key(), d.key(), d.key()],
  (d) => {
    const set = ['SET', 'u4', `${d.below(30)}`, `${d.below(3)}`]
    return [
      'BITFIELD',
      d.key(),
      ...set,
      'INCRBY',
      'u2',
      '0',
      '1',
      'OVERFLOW',
      'FAIL',
      'INCRBY',
      'u2',
      '0',
      '3',
    ]
  },
  (d) => [d.pick(['LPUSH', 'RPUSH']), d.key(), ...d.many(1, 4, () => d.pick(['a', 'b']))],
  (d) => [d.pick(['LPUSH', 'RPUSH']), d.key(), 'a', 'b', 'a'],
  (d) => ['RPUSHX', d.key(), 'a', 'b'],
  (d) => ['LPOP', d.key()],
  (d) => ['RPOP', d.key(), `${d.below(4)}`],
  (d) => ['LSET', d.key(), '0', 'a'],
  (d) => ['LTRIM', d.key(), d.pick(['0', '1', '9']), '-2'],
  (d) => ['LREM', d.key(), '1', 'a'],
  (d) => ['LINSERT', d.key(), 'AFTER', 'a', 'b'],
  (d) => ['LMOVE', d.key(), d.key(), 'LEFT', d.pick(['LEFT', 'RIGHT'])],
  (d) => ['RPOPLPUSH', d.key(), d.key()],
  (d) => ['LMPOP', '2', d.key(), d.key(), 'LEFT', 'COUNT', '2'],
  (d) => ['DEL', d.key()],
]

/** One server: a client that writes, and one that listens to all events. */
class Watched {
  private readonly writer: RawClient
  private readonly listener: RawClient
  private changes: number

  private constructor(writer: RawClient, listener: RawClient) {
    this.writer = writer
    this.listener = listener
    this.changes = 0
  }

  static async open(port: number): Promise<Watched> {
    const watched = new Watched(await RawClient.open(port), await RawClient.open(port))
    await watched.writer.call('FLUSHALL')
    await watched.writer.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA')
    await watched.listener.call('PSUBSCRIBE', '*')
    await watched.countChanges()
    return watched
  }

  /** What the command changes, as "count: event key, …". */
  async effects(bytes: Buffer): Promise<string> {
    this.writer.write(bytes)
    await this.writer.frame()
    const count = await this.countChanges()
    await this.writer.call('PUBLISH', 'end', '')
    const events: string[] = []
    for (;;) {
      const [, , , , , , channel, , event] = (await this.listener.frame()).toString('latin1').split('\r\n')
      if (channel === 'end') return `${count}: ${events.join(', ')}`
      events.push(`${event} ${channel.slice('__keyspace@0__:'.length)}`)
    }
  }

  close(): void {
    this.writer.close()
    this.listener.close()
  }

  private async countChanges(): Promise<number> {
    const info = (await this.writer.call('INFO', 'persistence')).toString('latin1')
    const total = Number(/rdb_changes_since_last_save:(\d+)/.exec(info)?.[1])
    const count = total - this.changes
    this.changes = total
    return count
  }
}

compat('changes', ({ pair }) => {
  test('counts and events of random writes', async () => {
    const { oracle, respite } = pair()
    const [theirs, ours] = await Promise.all([Watched.open(oracle.port), Watched.open(respite.port)])
    const dice = new Dice(Number(process.env.COMPAT_SEED ?? 1))
    for (let i = 0; i < LENGTH; i++) {
      const step = toStep(dice.pick(writes)(dice))
      const [expected, actual] = await Promise.all([theirs.effects(step.bytes), ours.effects(step.bytes)])
      expect(actual, step.title).toBe(expected)
    }
    theirs.close()
    ours.close()
  })
})
