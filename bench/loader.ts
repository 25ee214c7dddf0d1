/**
 * Fills a server as fast as one pipelined connection can, with bounded memory on both sides: keys by SET, or
 * one list by RPUSH. Not a measurement in itself.
 */
import net from 'node:net'
import Parser from 'redis-parser'

/** Requests that differ only in a number: the bytes of one, and where its 12 digits stand (-1: nowhere). */
interface Template {
  bytes: Buffer
  digitsAt: number
  /** What one request adds: 1 for a key, the number of elements for a push. */
  adds: number
}

/** Bytes of one batch, and how many batches may be unanswered. */
const BATCH_BYTES = 64 * 1024
const BATCHES_IN_FLIGHT = 4
const PUSH_BYTES = 16 * 1024
const STALLED_AFTER_MS = 60_000

/** SETs keys number `from` up to but not including `to`, named as redis-benchmark names them (16 bytes). */
export async function loadKeys(port: number, from: number, to: number, valueBytes: number): Promise<void> {
  const template = keyTemplate(valueBytes)
  await sendAll(port, template, from, to)
}

/** RPUSHes `count` elements of `elementBytes` bytes to `key`, many with each command. */
export async function loadList(
  port: number,
  key: string,
  count: number,
  elementBytes: number,
): Promise<void> {
  const perPush = Math.max(1, Math.min(count, Math.floor(PUSH_BYTES / (elementBytes + 10))))
  const pushes = Math.floor(count / perPush)
  await sendAll(port, pushTemplate(key, perPush, elementBytes), 0, pushes)
  const rest = count - pushes * perPush
  if (rest > 0) await sendAll(port, pushTemplate(key, rest, elementBytes), 0, 1)
}

/** One SET request, its key's digits all zero. */
export function keyTemplate(valueBytes: number): Template {
  const head = '*3\r\n$3\r\nSET\r\n$16\r\nkey:'
  const bytes = Buffer.from(`${head}000000000000\r\n$${valueBytes}\r\n${'x'.repeat(valueBytes)}\r\n`)
  return { bytes, digitsAt: head.length, adds: 1 }
}

/** One RPUSH request of `perPush` equal elements. */
export function pushTemplate(key: string, perPush: number, elementBytes: number): Template {
  const element = `$${elementBytes}\r\n${'x'.repeat(elementBytes)}\r\n`
  const head = `*${perPush + 2}\r\n$5\r\nRPUSH\r\n$${key.length}\r\n${key}\r\n`
  return { bytes: Buffer.from(head + element.repeat(perPush)), digitsAt: -1, adds: perPush }
}

/** Writes `number` as decimal digits that end before `end`, over zeros or an earlier number of 12 digits. */
export function writeDigits(bytes: Buffer, end: number, number: number): void {
  let rest = number
  for (let at = end - 1; at >= end - 12; at--) {
    const tenth = Math.floor(rest / 10)
    bytes[at] = 48 + rest - tenth * 10
    rest = tenth
  }
}

/**
 * Sends the request for each number in [from, to) and resolves when all are answered; rejects on the first
 * error reply. A batch's buffer is written again only after all its replies came, when the socket is done
 * with it: so memory stays at four batches, and at most four are queued in the server.
 */
function sendAll(port: number, template: Template, from: number, to: number): Promise<void> {
  const size = template.bytes.length
  const perBatch = Math.max(1, Math.floor(BATCH_BYTES / size))
  const batches = Array.from({ length: BATCHES_IN_FLIGHT }, () => {
    const bytes = Buffer.allocUnsafeSlow(perBatch * size)
    for (let i = 0; i < perBatch; i++) template.bytes.copy(bytes, i * size)
    return bytes
  })
  return new Promise((resolve, reject) => {
    if (from >= to) return resolve()
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    let sent = from
    let answered = from
    let turn = 0
    const fill = () => {
      while (sent < to && sent - answered <= (BATCHES_IN_FLIGHT - 1) * perBatch) {
        const bytes = batches[turn++ % BATCHES_IN_FLIGHT]
        const count = Math.min(perBatch, to - sent)
        if (template.digitsAt >= 0) {
          for (let i = 0; i < count; i++) writeDigits(bytes, i * size + template.digitsAt + 12, sent + i)
        }
        socket.write(count === perBatch ? bytes : bytes.subarray(0, count * size))
        sent += count
      }
    }
    const parser = new Parser({
      returnReply: () => {
        answered++
      },
      returnError: (error: Error) => socket.destroy(error),
      returnFatalError: (error: Error) => socket.destroy(error),
    })
    socket.on('connect', fill)
    socket.on('data', (chunk: Buffer) => {
      parser.execute(chunk)
      if (answered === to) socket.destroy()
      else fill()
    })
    socket.setTimeout(STALLED_AFTER_MS, () => socket.destroy(new Error('the server stopped answering')))
    socket.on('error', reject)
    socket.on('close', () => (answered === to ? resolve() : reject(new Error('closed while loading'))))
  })
}
