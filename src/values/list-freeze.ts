/**
 * A list as it was at one moment, read chunk by chunk while commands go on changing it. It knows addresses and who
 * still needs them; what is made of the chunks is the reader's affair.
 *
 * Freezing costs nothing and copies nothing: head, tail and number of chunks are noted, and the list's root says
 * which freeze it is in. The chunks are gathered later, from both ends inwards. Before a chunk is edited, the
 * gathering goes on from both ends until that chunk is reached, which is no further than the command itself had to
 * walk. So the chunks not yet gathered are always one run whose inner links nobody has changed, and the two ends
 * remember where the run begins and ends; when as many were gathered as there were, the run is empty, whatever
 * became of the links by then.
 *
 * A gathered chunk that was not read yet stays where it is, byte for byte: an edit is made in a copy that takes its
 * place in the list (ListChunks.writable), and a chunk that the list gives up is kept until it was read. A
 * list that goes as a whole leaves its chain here.
 */
import { AddressList } from '../structures/address-list.ts'
import type { Address, Arena } from '../structures/arena.ts'
import { CHUNK_NEXT, CHUNK_PREVIOUS } from '../structures/packed-chunk.ts'

/** A chunk of the frozen list that was not read yet and is still in the list. */
const WAITING = 1
/** One that the list has given up: it is freed when it was read. */
const KEPT = 2
/** A chunk that is not, or no longer, of concern: read already, or newer than the freeze. */
const DONE = 3

/** All freezes of one keyspace. */
export class ListFreezes {
  /** How many there are: while none, no view looks further. */
  open: number
  /** Bytes of chunks that were copied or kept for their readers. */
  keptBytes: number
  private readonly byId: Map<number, ListFreeze>
  private lastId: number

  constructor() {
    this.open = 0
    this.keptBytes = 0
    this.byId = new Map()
    this.lastId = 0
  }

  /** The freeze with this id, or null when it has ended. */
  find(id: number): ListFreeze | null {
    return this.byId.get(id) ?? null
  }

  /** A freeze of the list with these ends and so many chunks. */
  begin(arena: Arena, head: Address, tail: Address, chunks: number): ListFreeze {
    // Roots may name freezes that ended long ago: an id must not come back, and in 2^32 freezes none does.
    this.lastId = (this.lastId + 1) | 0
    const freeze = new ListFreeze(this, this.lastId, arena, head, tail, chunks)
    this.byId.set(freeze.id, freeze)
    this.open++
    return freeze
  }

  /** Forgets a freeze. */
  drop(freeze: ListFreeze): void {
    if (this.byId.delete(freeze.id)) this.open--
  }
}

export class ListFreeze {
  readonly id: number
  /** How many chunks the frozen list has. */
  readonly chunkCount: number
  private readonly freezes: ListFreezes
  private readonly arena: Arena
  /** What is known of each chunk: those gathered, and those that came since. */
  private readonly states: Map<Address, number>
  /** The chunks gathered from the head on, and from the tail on; and which comes next on either side. */
  private readonly front: AddressList
  private readonly back: AddressList
  private nextFront: Address
  private nextBack: Address
  private read: number
  /** Heads of chains that were given up as a whole. */
  private readonly chains: Address[]

  constructor(
    freezes: ListFreezes,
    id: number,
    arena: Arena,
    head: Address,
    tail: Address,
    chunkCount: number,
  ) {
    this.freezes = freezes
    this.id = id
    this.arena = arena
    this.chunkCount = chunkCount
    this.states = new Map()
    this.front = new AddressList()
    this.back = new AddressList()
    this.nextFront = head
    this.nextBack = tail
    this.read = 0
    this.chains = []
  }

  /** The chunk to read now, exactly as it was; 0 when all were read. */
  get current(): Address {
    const { front, back, read } = this
    if (read === this.chunkCount) return 0
    if (read >= front.length && !this.isGathered) this.gatherFront()
    return read < front.length ? front.items[read] : back.items[back.length - 1 - (read - front.length)]
  }

  /** The current chunk was read. */
  advance(): void {
    const chunk = this.current
    if (this.states.get(chunk) === KEPT) {
      this.states.delete(chunk)
      this.arena.free(chunk)
    } else this.states.set(chunk, DONE)
    this.read++
  }

  /** Ends the reading, finished or not; returns the heads of chains that are nobody's any more. */
  end(): readonly Address[] {
    for (const [chunk, state] of this.states) if (state === KEPT) this.arena.free(chunk)
    this.states.clear()
    this.freezes.drop(this)
    return this.chains
  }

  /** Call before a chunk is edited or its place in the list changes. Returns whether its bytes must stay. */
  claims(chunk: Address): boolean {
    while (!this.states.has(chunk) && !this.isGathered) {
      this.gatherFront()
      if (!this.isGathered) this.gatherBack()
    }
    return this.states.get(chunk) === WAITING
  }

  /** A chunk that is new in the list. */
  add(chunk: Address): void {
    this.states.set(chunk, DONE)
  }

  /** The list gives up a chunk. Returns whether it is kept; else it is the caller's to free. */
  keeps(chunk: Address): boolean {
    if (this.claims(chunk)) {
      this.states.set(chunk, KEPT)
      this.freezes.keptBytes += this.arena.capacity(chunk)
      return true
    }
    this.states.delete(chunk)
    return false
  }

  /** The list gives up all its chunks, linked from `head` on. */
  keepChain(head: Address): void {
    this.chains.push(head)
  }

  private get isGathered(): boolean {
    return this.front.length + this.back.length === this.chunkCount
  }

  private gatherFront(): void {
    const chunk = this.nextFront
    this.nextFront = this.follow(chunk, CHUNK_NEXT)
    this.front.push(chunk, 0)
    this.states.set(chunk, WAITING)
  }

  private gatherBack(): void {
    const chunk = this.nextBack
    this.nextBack = this.follow(chunk, CHUNK_PREVIOUS)
    this.back.push(chunk, 0)
    this.states.set(chunk, WAITING)
  }

  private follow(chunk: Address, direction: number): Address {
    return this.arena.block(chunk).view.getInt32(this.arena.offset(chunk) + direction, true)
  }
}
