/** Where sockets are: the addresses of `bind`, peers on this machine, the files of unix sockets. It opens none. */
import { lstatSync, unlinkSync } from 'node:fs'
import type { ListenOptions, Socket } from 'node:net'
import { dirname } from 'node:path'

/** Where an address of `bind` says, as net.Server wants it: a star is every address. */
export function hostOptions(host: string, port: number): ListenOptions & { port: number } {
  if (host === '*') return { host: '0.0.0.0', port }
  if (host === '::*') return { host: '::', port, ipv6Only: true }
  return { host, port, ipv6Only: host.includes(':') }
}

/** Whether the peer is on this machine: on the loopback interface or the unix socket. */
export function isLocal(socket: Socket): boolean {
  const host = socket.remoteAddress
  return host === undefined || host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.')
}

/**
 * A socket that a server left behind; any other file stays, and makes bind fail. Throws the system's error where the
 * folder is not there: bind would call that a lack of permission.
 */
export function removeStaleSocket(path: string): void {
  lstatSync(dirname(path))
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path)
}
