/**
 * The addresses of the keys that have a deadline, densely, so that the expiry cycle can sample any of them
 * in O(1). It knows neither the deadlines nor the order they fall in.
 */

/*
 * A key remembers its position here; the last address fills the place of a removed one (swap-remove), and
 * the caller writes the new position into the entry that moved. The list is made of chunks so that growing
 * to ten million never copies more than one chunk: the first doubles from 16 entries up to a full chunk of
 * 64 KiB, every later one is full-sized. A spare chunk is kept when it shrinks, so that adding and removing
 * at a border does not allocate each time.
 */

const CHUNK_BITS = 14
const CHUNK_ENTRIES = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_ENTRIES - 1
const FIRST_ENTRIES = 16

export class DeadlineList {
  /** How many addresses the list holds. */
  count: number
  private readonly chunks: Int32Array[]

  constructor() {
    this.count = 0
    this.chunks = []
  }

  /** Bytes of memory the list holds. */
  get bytes(): number {
    const { chunks } = this
    if (chunks.length === 0) return 0
    return chunks[0].byteLength + (chunks.length - 1) * CHUNK_ENTRIES * 4
  }

  /** Appends `address` and returns the position it got. */
  add(address: number): number {
    const position = this.count++
    const chunk = position >> CHUNK_BITS
    if (chunk === this.chunks.length) {
      this.chunks.push(new Int32Array(chunk === 0 ? FIRST_ENTRIES : CHUNK_ENTRIES))
    } else if (chunk === 0 && position === this.chunks[0].length) {
      this.resizeFirst(position * 2)
    }
    this.chunks[chunk][position & CHUNK_MASK] = address
    return position
  }

  /** The address at `position`, which is below `count`. */
  at(position: number): number {
    return this.chunks[position >> CHUNK_BITS][position & CHUNK_MASK]
  }

  /** Puts another address at `position`: the entry there has moved. */
  set(position: number, address: number): void {
    this.chunks[position >> CHUNK_BITS][position & CHUNK_MASK] = address
  }

  /**
   * Removes what is at `position`. Returns the address that now stands there, whose entry must be told
   * its new position, or 0 when nothing moved. Throws a RangeError when there is no such position.
   */
  removeAt(position: number): number {
    if (!(position >= 0 && position < this.count)) throw new RangeError(`no deadline at position ${position}`)
    const last = --this.count
    const moved = this.at(last)
    if (position !== last) this.set(position, moved)
    this.shrink()
    return position === last ? 0 : moved
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.count = 0
    this.chunks.length = 0
  }

  private shrink(): void {
    const { chunks, count } = this
    const needed = (count + CHUNK_MASK) >> CHUNK_BITS
    if (chunks.length > needed + 1) chunks.pop()
    const room = chunks[0].length
    if (chunks.length === 1 && room > FIRST_ENTRIES && count <= room >> 2) this.resizeFirst(room >> 1)
  }

  private resizeFirst(entries: number): void {
    const resized = new Int32Array(entries)
    resized.set(this.chunks[0].subarray(0, Math.min(entries, this.chunks[0].length)))
    this.chunks[0] = resized
  }
}
