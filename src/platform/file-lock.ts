/**
 * A lock on a file's name that holds as long as the process that took it lives, and not a moment longer, however that
 * ends: two servers must not write the same files, and a crash must leave nothing to clean up. It protects from
 * others who take it, from nobody else, and never touches the file.
 *
 * Node has no flock. What the system hands to one process only, and takes back by itself when that dies, is a name to
 * listen on: on Linux a unix socket in the abstract namespace, which is no file, on Windows a named pipe. It is made of
 * the directory's device and inode, so that all paths to it mean the same. (Containers with networks of their own do
 * not see each other's names.) macOS and the BSDs have neither, but can lock a file as they open it.
 */
import { createHash, randomUUID } from 'node:crypto'
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname } from 'node:path'

/** macOS's and the BSDs' flag of open(): locks the file, or says EAGAIN. Node has no name for it. */
const O_EXLOCK = 0x20

type Release = () => Promise<void>

export class FileLock {
  private readonly free: Release

  private constructor(free: Release) {
    this.free = free
  }

  /**
   * Takes the lock of the file at `path`, which need not be there; null when somebody has it. Throws the system's error
   * when its directory is not there.
   */
  static take(path: string): FileLock | null {
    const free = HAS_NAMES ? takeName(nameOf(path)) : lockFile(`${path}.lock`)
    return free === null ? null : new FileLock(free)
  }

  /** Resolves when others can have it. */
  release(): Promise<void> {
    return this.free()
  }
}

const HAS_NAMES = process.platform === 'linux' || process.platform === 'win32'

function nameOf(path: string): string {
  const { dev, ino } = statSync(dirname(path), { bigint: true })
  return createHash('sha256')
    .update(`${dev}:${ino}:${basename(path)}`)
    .digest('hex')
    .slice(0, 32)
}

function takeName(name: string): Release | null {
  const free = listenOn(name)
  if (free !== null) return free
  // Where no name at all can be had (a sandbox), there are no locks, which is no reason not to work.
  const other = listenOn(randomUUID())
  if (other === null) return async () => {}
  void other()
  return null
}

/** Listening on a local name begins, or fails, before listen() returns. */
function listenOn(name: string): Release | null {
  const server = createServer((socket) => socket.destroy())
  server.on('error', () => {})
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\respite-${name}` : `\0respite-${name}`
  server.listen({ path, exclusive: true })
  server.unref()
  if (!server.listening) return null
  return () => new Promise((resolve) => void server.close(() => resolve()))
}

function lockFile(path: string): Release | null {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = constants
  try {
    const file = openSync(path, O_RDWR | O_CREAT | O_NONBLOCK | O_EXLOCK, 0o644)
    return async () => closeSync(file)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? null : async () => {}
  }
}
