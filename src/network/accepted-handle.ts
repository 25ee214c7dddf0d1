/**
 * Has the socket of an accepted connection read into memory of ours, instead of Buffers Node allocates, and write
 * without the bookkeeping of Node's streams. The one file that touches Node's internals (`_handle`, `_server`); where
 * they are missing, 'data' events and socket.write() do.
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

/** What libuv's part of a socket takes for one write; `oncomplete` is called unless the system took all at once. */
interface WriteRequest {
  oncomplete: ((status: number) => void) | null
  /** Keeps the bytes alive. */
  buffer: Uint8Array | null
}

interface Handle {
  useUserBuffer?: unknown
  fd?: number
  /** Bytes it has not yet been able to hand to the system. */
  readonly writeQueueSize?: number
  writeBuffer?: (request: WriteRequest, bytes: Uint8Array) => number
}

/** What Node hides in a socket. */
interface Internals {
  _handle: Handle | null
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

/** The class of Node's write requests, once a stream has shown one; null before. */
let WriteRequests: (new () => WriteRequest) | null = null
/** Used for every write that the system takes at once, which is nearly every one. */
let spare: WriteRequest | null = null

/**
 * Writes to a socket past its stream: a quarter less work for a short reply (bench/pubsub.ts). Only for writes with
 * nothing before them in the stream; libuv keeps the order of what it is given.
 */
export class DirectWriter {
  /** Bytes that the system has not taken yet. */
  pending: number
  private readonly handle: Handle | null
  private readonly written: () => void

  /** `written` is called when the last of the pending bytes has been taken, or never will be. */
  constructor(socket: Socket, written: () => void) {
    const { _handle } = socket as unknown as Internals
    this.pending = 0
    // Not what is built on sockets, such as TLS: there libuv has the bytes only later.
    const plain = Object.getPrototypeOf(socket) === Socket.prototype
    const able = typeof _handle?.writeBuffer === 'function' && _handle.writeQueueSize === 0
    this.handle = plain && able ? _handle : null
    this.written = written
    if (this.handle !== null && WriteRequests === null) learn(this.handle)
  }

  /**
   * Writes. Returns false when that is impossible here, or the socket is broken: socket.write() will do the one and
   * tell the other. While `pending` is not 0 afterwards, the bytes must stay as they are.
   */
  write(bytes: Uint8Array): boolean {
    const { handle } = this
    if (handle === null || WriteRequests === null) return false
    const request = spare ?? new WriteRequests()
    spare = request
    if ((handle.writeBuffer as (request: WriteRequest, bytes: Uint8Array) => number)(request, bytes) !== 0) {
      return false
    }
    if (handle.writeQueueSize === 0) return true
    spare = null
    this.pending += bytes.length
    request.buffer = bytes
    request.oncomplete = () => {
      request.buffer = null
      this.pending -= bytes.length
      if (this.pending === 0) this.written()
    }
    return true
  }
}

/** Notes what Node's own next write to `handle` uses for a request. */
function learn(handle: Handle): void {
  const { writeBuffer } = handle
  if (writeBuffer === undefined) return
  handle.writeBuffer = (request, bytes) => {
    delete handle.writeBuffer
    WriteRequests = request.constructor as new () => WriteRequest
    return writeBuffer.call(handle, request, bytes)
  }
}
