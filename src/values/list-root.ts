/**
 * The root record of a list, which lies in its entry: ends, counts and marks; and the view that is pointed at one.
 * The chain of chunks that hangs from it is list-chunks.ts.
 */
import type { Address, Arena } from '../structures/arena.ts'
import { type Block, EMPTY_BLOCK } from '../structures/block.ts'
import { type ListFreeze, ListFreezes } from './list-freeze.ts'

/** Bytes of a list's root, at any offset of its entry. All fields little-endian, unaligned. */
export const LIST_ROOT_SIZE = 29

export const ROOT_HEAD = 0
export const ROOT_TAIL = 4
export const ROOT_LENGTH = 8
export const ROOT_CHUNKS = 12
/** Arena bytes of all chunks, in units of 8. */
export const ROOT_MEMORY = 16
/** Listpack bytes of all elements, or UNTRACKED: see list-encoding.ts. */
export const ROOT_LISTPACK = 20
/** The chunk moveSparseChunks() looks at next, 0 between two walks; with the mark FROZEN the freeze's id. */
export const ROOT_MOVE = 24
/** QUICKLIST and FROZEN. */
export const ROOT_MARKS = 28

/** The list is a quicklist in Redis's terms. */
export const QUICKLIST = 1
/** The list was frozen (list-freeze.ts), which may be over by now: nobody comes back to take the mark off. */
export const FROZEN = 2

export class ListRoot {
  protected readonly arena: Arena
  protected readonly freezes: ListFreezes
  /** Where the root lies: `root` is its offset in `rootView`. */
  protected rootView: DataView
  protected root: number
  /** The freeze that this list is in, or null. */
  protected freeze: ListFreeze | null

  /** `freezes` are shared by all views of the keyspace whose lists this one sees. */
  constructor(arena: Arena, freezes: ListFreezes = new ListFreezes()) {
    this.arena = arena
    this.freezes = freezes
    this.rootView = EMPTY_BLOCK.view
    this.root = 0
    this.freeze = null
  }

  /** Makes this the view of the list whose root lies at `offset`; the entry must not move while it is used. */
  point(block: Block, offset: number): void {
    this.rootView = block.view
    this.root = offset
    this.freeze = this.freezes.open === 0 ? null : this.findFreeze()
  }

  /** Writes the root of an empty list. */
  initialize(): void {
    for (let at = 0; at < LIST_ROOT_SIZE; at++) this.rootView.setUint8(this.root + at, 0)
    this.freeze = null
  }

  get length(): number {
    return this.rootView.getUint32(this.root + ROOT_LENGTH, true)
  }

  get chunkCount(): number {
    return this.rootView.getInt32(this.root + ROOT_CHUNKS, true)
  }

  /** Arena bytes the chunks take, exact; the root itself is counted with its entry. */
  memoryBytes(): number {
    return this.rootView.getUint32(this.root + ROOT_MEMORY, true) * 8
  }

  /** Whether Redis would call this list a quicklist; see list-encoding.ts. */
  get isQuicklist(): boolean {
    return (this.marks & QUICKLIST) !== 0
  }

  set isQuicklist(yes: boolean) {
    this.marks = (this.marks & ~QUICKLIST) | (yes ? QUICKLIST : 0)
  }

  /** Makes the list, which must be in no other freeze, readable as it is now while it is changed. */
  startFreeze(): ListFreeze {
    const view = this.rootView
    const head = view.getInt32(this.root + ROOT_HEAD, true)
    const freeze = this.freezes.begin(
      this.arena,
      head,
      view.getInt32(this.root + ROOT_TAIL, true),
      this.chunkCount,
    )
    this.marks |= FROZEN
    view.setInt32(this.root + ROOT_MOVE, freeze.id, true)
    this.freeze = freeze
    return freeze
  }

  /** Empties the list and returns its first chunk, for freeChainSome(): a huge list is freed in slices. */
  takeChain(): Address {
    const head = this.rootView.getInt32(this.root + ROOT_HEAD, true)
    const { freeze } = this
    this.initialize()
    if (freeze === null || head === 0) return head
    freeze.keepChain(head)
    return 0
  }

  /** The chunk at which the last walk for moving chunks stopped, or 0. */
  protected takeMove(): Address {
    const move = this.rootView.getInt32(this.root + ROOT_MOVE, true)
    if ((this.marks & FROZEN) === 0) return move
    this.marks &= ~FROZEN
    return 0
  }

  private get marks(): number {
    return this.rootView.getUint8(this.root + ROOT_MARKS)
  }

  private set marks(marks: number) {
    this.rootView.setUint8(this.root + ROOT_MARKS, marks)
  }

  private findFreeze(): ListFreeze | null {
    if ((this.marks & FROZEN) === 0) return null
    return this.freezes.find(this.rootView.getInt32(this.root + ROOT_MOVE, true))
  }
}
