/**
 * A process of its own that holds connections open and idle: each has had one answer and asks for nothing more. Apart
 * from the loader's process, whose descriptors and event loop they would take.
 */
import { fork } from 'node:child_process'
import net from 'node:net'
import { fileURLToPath } from 'node:url'

/** Connections that are opened at once. */
const BATCH = 200

export interface IdleConnections {
  close: () => Promise<void>
}

/** Opens `count` connections to 127.0.0.1:`port`; resolves when each has had its answer. */
export async function openIdle(port: number, count: number): Promise<IdleConnections> {
  const child = fork(fileURLToPath(import.meta.url), [`${port}`, `${count}`])
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', () => reject(new Error(`${count} idle connections could not be held (ulimit -n?)`)))
  })
  return {
    close: async () => {
      child.kill()
      await exited
    },
  }
}

function open(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.once('data', () => resolve())
    // The other process is told by our exit code.
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed the connection')))
    socket.write('PING\r\n')
  })
}

async function hold(port: number, count: number): Promise<void> {
  process.once('disconnect', () => process.exit())
  for (let opened = 0; opened < count; opened += BATCH) {
    const batch = Math.min(BATCH, count - opened)
    await Promise.all(Array.from({ length: batch }, () => open(port)))
  }
  process.send?.('open')
}

const runAlone = process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined
if (runAlone) await hold(Number(process.argv[2]), Number(process.argv[3]))
