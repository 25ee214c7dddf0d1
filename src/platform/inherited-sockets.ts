/**
 * Listening sockets that a service manager opened and passed to this process, by systemd's protocol: LISTEN_PID says for
 * whom, LISTEN_FDS how many from descriptor 3 on, LISTEN_FDNAMES what they are called. Nothing listens on them here.
 */

import { closeSync, fstatSync } from 'node:fs'

/** The first descriptor that is passed. */
const FIRST = 3

export interface InheritedSocket {
  readonly fd: number
  /** '' where they have no names. */
  readonly name: string
}

export interface Inherited {
  readonly sockets: readonly InheritedSocket[]
  /** Why those announced are not for this process, in one line; null when nothing is wrong. */
  readonly complaint: string | null
}

const WRAPPED = 'A wrapper such as npx or npm closes or shifts descriptors: start node directly'

/** Takes what is announced; the variables go, so that no child takes it for its own. */
export function takeInheritedSockets(
  variables: Record<string, string | undefined> = process.env,
  pid: number = process.pid,
  isSocket: (fd: number) => boolean = isOpenSocket,
): Inherited {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = variables
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete variables[name]
  if (LISTEN_FDS === undefined) return { sockets: [], complaint: null }
  if (LISTEN_PID !== String(pid)) {
    const passedTo = `Sockets were passed to process ${LISTEN_PID ?? '(none)'} and this is ${pid}`
    return { sockets: [], complaint: `${passedTo}: they are not used. ${WRAPPED}` }
  }
  if (!/^\d{1,3}$/.test(LISTEN_FDS)) {
    return { sockets: [], complaint: `LISTEN_FDS is no number: '${LISTEN_FDS}'` }
  }
  const names = LISTEN_FDNAMES?.split(':') ?? []
  const sockets = Array.from({ length: Number(LISTEN_FDS) }, (_, index) => ({
    fd: FIRST + index,
    name: names[index] ?? '',
  }))
  // What lies there instead may be Node's own: none of it is touched.
  const lost = sockets.find(({ fd }) => !isSocket(fd))
  if (lost === undefined) return { sockets, complaint: null }
  return {
    sockets: [],
    complaint: `Descriptor ${lost.fd} was announced as a socket and is none: no socket is used. ${WRAPPED}`,
  }
}

/** Runs `use` on the descriptor, and closes it when that rejects: if it is still open, for Node may have closed it. */
export async function closedIfUnused(fd: number, use: () => Promise<void>): Promise<void> {
  const { ino } = fstatSync(fd)
  try {
    await use()
  } catch (error) {
    if (isOpenSocket(fd) && fstatSync(fd).ino === ino) closeSync(fd)
    throw error
  }
}

function isOpenSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    return false
  }
}
