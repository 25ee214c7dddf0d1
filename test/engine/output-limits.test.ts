/** client-output-buffer-limit: who is closed when, and that the others do not notice. */
import { describe, expect, test } from 'vitest'
import { type Session, session } from '../commands/session.ts'
import { Listener, message } from './listener.ts'

const KB = 1024

function server(limits: string): { s: Session; slow: Listener; other: Listener; publisher: Listener } {
  const s = session({ config: { 'client-output-buffer-limit': limits } })
  const [slow, other, publisher] = [1, 2, 3].map(() => new Listener(s.engine))
  slow.run('SUBSCRIBE x')
  other.run('SUBSCRIBE x')
  return { s, slow, other, publisher }
}

describe('the hard limit', () => {
  test('closes a subscriber in the middle of a PUBLISH, and no other', () => {
    const { s, slow, other, publisher } = server('pubsub 100kb 0 0')
    const text = 'm'.repeat(10 * KB)
    let published = 0
    while (!slow.connection.closed && published < 50) {
      publisher.call('PUBLISH', 'x', text)
      published++
      expect(other.take()).toBe(message('x', text))
    }
    expect(published).toBe(10)
    expect(slow.client.reply.length).toBe(0)
    expect(s.engine.clients.has(slow.client.id)).toBe(false)
    expect(publisher.call('PUBSUB', 'NUMSUB', 'x')).toContain(':1\r\n')
    expect(s.engine.stats.outputBufferDisconnections).toBe(1)
    expect(publisher.run('INFO stats')).toContain('client_output_buffer_limit_disconnections:1\r\n')
  })

  test('of many that share the message', () => {
    const { s, publisher } = server('pubsub 50kb 0 0')
    const listeners = Array.from({ length: 200 }, () => new Listener(s.engine))
    for (const listener of listeners) listener.run('SUBSCRIBE x')
    expect(publisher.call('PUBLISH', 'x', 'm'.repeat(60 * KB))).toBe(':202\r\n')
    expect(listeners.filter(({ connection }) => connection.closed)).toHaveLength(200)
    expect(s.engine.pubsub.anyone).toBe(false)
  })

  test('belongs to a class: a client that has left its channels is normal again', () => {
    const { slow, publisher } = server('normal 0 0 0 pubsub 100kb 0 0')
    publisher.call('PUBLISH', 'x', 'm'.repeat(90 * KB))
    expect(slow.connection.closed).toBe(false)
    slow.connection.send(['UNSUBSCRIBE'])
    expect(slow.client.reply.length).toBeGreaterThan(90 * KB)
    slow.connection.send(['PING', 'm'.repeat(200 * KB)])
    expect(slow.connection.closed).toBe(false)
  })

  test('0 is none', () => {
    const { slow, publisher } = server('pubsub 0 0 0')
    for (let i = 0; i < 100; i++) publisher.call('PUBLISH', 'x', 'm'.repeat(100 * KB))
    expect(slow.connection.closed).toBe(false)
    expect(slow.client.reply.length).toBeGreaterThan(10_000 * KB)
  })
})

describe('the soft limit', () => {
  const limits = 'pubsub 0 50kb 10'

  test('closes who stays above it, though nothing more is sent', () => {
    const { s, slow, other, publisher } = server(limits)
    publisher.call('PUBLISH', 'x', 'm'.repeat(60 * KB))
    other.take()
    s.timers.advance(10_000)
    expect(slow.connection.closed).toBe(false)
    s.timers.advance(2000)
    expect(slow.connection.closed).toBe(true)
    expect(other.connection.closed).toBe(false)
    expect(s.engine.stats.outputBufferDisconnections).toBe(1)
    expect(s.timers.pending).toBe(0)
  })

  test('forgets who drops below it in between', () => {
    const { s, slow, publisher } = server(limits)
    for (let i = 0; i < 5; i++) {
      publisher.call('PUBLISH', 'x', 'm'.repeat(60 * KB))
      s.timers.advance(6000)
      slow.take()
      s.timers.advance(2000)
    }
    expect(slow.connection.closed).toBe(false)
  })

  test('is not held against a client that is gone', () => {
    const { s, slow, other, publisher } = server(limits)
    publisher.call('PUBLISH', 'x', 'm'.repeat(60 * KB))
    slow.connection.close()
    other.connection.close()
    s.timers.advance(20_000)
    expect(s.engine.stats.outputBufferDisconnections).toBe(0)
    expect(s.timers.pending).toBe(0)
  })
})

test('CONFIG SET changes the limits of those connected', () => {
  const { slow, publisher } = server('pubsub 0 0 0')
  publisher.call('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 20kb 0 0')
  publisher.call('PUBLISH', 'x', 'm'.repeat(30 * KB))
  expect(slow.connection.closed).toBe(true)
})
