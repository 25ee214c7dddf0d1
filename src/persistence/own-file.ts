/**
 * A file of the dataset as this server last loaded or wrote it, so that it does not write over what somebody has put
 * in its place since: a backup, say, that was to be loaded at the next start.
 *
 * A look at it before each write costs a stat. Only where inode, size or time differ its content is compared: the same
 * content under another inode is nobody's loss. A file that is gone may be written again, and so may one at a place
 * that this server has not looked at: whoever names another file by CONFIG SET means that one.
 */
import { statSync } from 'node:fs'

/** Says which file was replaced, and what to do. */
export class ReplacedFileError extends Error {}

export class OwnFile {
  /** '' before there is one. */
  private path: string
  /** stampOf() it; '' when there was none. */
  private stamp: string
  /** What was in it; null for what is not known to be ours. */
  private content: string | null
  /** What tells a file's content from another's; null when it can't be read. */
  private readonly contentOf: (path: string) => string | null

  constructor(contentOf: (path: string) => string | null) {
    this.path = ''
    this.stamp = ''
    this.content = null
    this.contentOf = contentOf
  }

  /** The file at `path` was loaded or written; `stamp` was its own before its content was looked at. */
  know(path: string, stamp: string, content: string | null): void {
    this.path = path
    this.stamp = stamp
    this.content = content
  }

  /** Throws a ReplacedFileError if the file at `path` is another than the one known there. */
  check(path: string): void {
    if (path !== this.path) return
    const stamp = stampOf(path)
    if (stamp === '' || stamp === this.stamp) return
    const content = this.contentOf(path)
    if (content === null || content !== this.content) {
      throw new ReplacedFileError(
        `${path} is not what this server last loaded or wrote: somebody has put another file there. ` +
          'Move it away, or let it be written over with save-over-replaced yes',
      )
    }
    this.stamp = stamp
  }
}

/** What changes with every write or replacement of the file at `path`; '' when there is none to be seen. */
export function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs}`
  } catch {
    return ''
  }
}
