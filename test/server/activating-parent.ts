/**
 * A parent that follows systemd's protocol of socket activation: it holds the listening sockets, starts the server with
 * them from descriptor 3 on, and starts it again on the same sockets after it has ended.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { respiteProgram } from '../compat/respite.ts'

/**
 * A shell, because a socket that Node holds for listening is one that Node accepts on. It starts the server for each
 * line that it reads; LISTEN_PID is the server's, which nobody knows before its process is there, or FORGED_PID.
 */
const HOLDER = `
while read -r _; do
  sh -c 'export LISTEN_PID=\${FORGED_PID:-$$}; exec "$@"' sh "$@" </dev/null >&2 &
  echo "started $!"
  wait $!
  echo "ended $?"
done`

/** What can be passed: closed here, it stays open there. */
export interface Passed {
  close(): unknown
}

export interface ActivatingParent {
  /** Starts the server and resolves with its pid. */
  start(): Promise<number>
  /** Resolves with the exit code once it has ended. */
  ended(): Promise<number>
  /** What the servers have printed so far. */
  log(): string
  /** Ends the server and closes the sockets. */
  stop(): Promise<void>
}

/** A socket that listens: whoever connects waits in its queue until a server accepts. */
export async function listening(where: { port: number } | { path: string }): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen({ host: '127.0.0.1', ...where }, resolve))
  return server
}

/** Takes over `sockets`, which are passed under `names` (joined by colons) to servers with these directives. */
export function activatingParent(
  sockets: readonly Passed[],
  names: string,
  directives: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): ActivatingParent {
  const { program, args } = respiteProgram()
  const fds = sockets.map((socket) => (socket as unknown as Record<'_handle', { fd: number }>)['_handle'].fd)
  const holder = spawn('sh', ['-c', HOLDER, 'sh', program, ...args, ...directives], {
    stdio: ['pipe', 'pipe', 'pipe', ...fds],
    env: { ...process.env, LISTEN_FDS: `${fds.length}`, LISTEN_FDNAMES: names, ...variables },
  })
  for (const socket of sockets) socket.close()
  const { stdin, stdout, stderr } = holder
  if (stdin === null || stdout === null || stderr === null) throw new Error('a pipe is missing')
  let said = ''
  let taken = 0
  let log = ''
  let pid = 0
  stdout.on('data', (chunk) => (said += String(chunk)))
  stderr.on('data', (chunk) => (log = (log + String(chunk)).slice(-65_536)))
  const gone = once(holder, 'exit')
  /** The number behind `word` in the holder's next line. */
  const next = async (word: string): Promise<number> => {
    for (;;) {
      const line = said.split('\n').slice(0, -1)[taken]
      if (line !== undefined) {
        taken++
        if (!line.startsWith(`${word} `)) throw new Error(`${word} was expected and not ${line}: ${log}`)
        return Number(line.slice(word.length))
      }
      await Promise.race([once(stdout, 'data'), gone])
      if (holder.exitCode !== null || holder.signalCode !== null) throw new Error(`the holder ended: ${log}`)
    }
  }
  return {
    start: async () => {
      stdin.write('start\n')
      pid = await next('started')
      return pid
    },
    ended: async () => {
      const code = await next('ended')
      pid = 0
      return code
    },
    log: () => log,
    stop: async () => {
      try {
        if (pid !== 0) process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself, and nobody asked.
      }
      stdin.end()
      holder.kill('SIGKILL')
      await gone
    },
  }
}
