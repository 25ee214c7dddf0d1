/**
 * Has the socket of an accepted connection read into memory of ours, instead of Buffers Node allocates. The
 * one file that touches Node's internals (`_handle`, `_server`); where they are missing, 'data' events do.
 */
// oxlint-disable no-underscore-dangle -- Node's names
import { Socket } from 'node:net'
import { platform } from 'node:os'

/** Windows has the memory in use while it waits for bytes, so connections cannot share it. */
const SHARES_MEMORY = platform() !== 'win32'

/** Where the bytes of a connection go. */
export interface Input {
  /** The memory for the bytes to come, asked at the start and after each filled(); null: the same as before. */
  buffer(): Uint8Array | null
  /** The first `length` bytes of that memory have been filled. False stops reading until socket.resume(). */
  filled(length: number): boolean
  /** A chunk in Node's memory, where there is no reading into ours. */
  chunk(bytes: Uint8Array): void
}

/** What Node hides in a socket. */
interface Internals {
  _handle: { useUserBuffer?: unknown; fd?: number } | null
  _server: unknown
  server: unknown
}

/**
 * Starts reading from `accepted`, which its server has just accepted with pauseOnConnect. Returns the socket
 * to use from now on: a Socket can be told where to read to only when it is made, so this may be a new one
 * around the same handle. `plain` asks for 'data' events.
 */
export function readInto(accepted: Socket, input: Input, plain: boolean): Socket {
  const internals = accepted as unknown as Internals
  const handle = internals._handle
  if (plain || !SHARES_MEMORY || typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Uint8Array) => input.chunk(chunk))
    accepted.resume()
    return accepted
  }
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: () => input.buffer() as Uint8Array,
      callback: (length: number) => input.filled(length),
    },
  }
  internals._handle = null
  const socket = new Socket(options)
  // The server counts its connections down when the socket that knows it closes.
  const moved = socket as unknown as Internals
  moved.server = internals.server
  moved._server = internals._server
  internals._server = null
  return socket
}

/** The file descriptor behind `socket`, -1 where there is none. */
export function fileDescriptor(socket: Socket): number {
  return (socket as unknown as Internals)._handle?.fd ?? -1
}
