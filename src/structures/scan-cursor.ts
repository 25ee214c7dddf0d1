/** The order SCAN visits the buckets of a hash index in. A cursor is an int32 and all the state a scan has. */

/*
 * Cursors count with their bits reversed, as in Redis: the highest bit of the bucket number changes fastest.
 * Splitting bucket b makes b and b + 2^L. They differ only in the bit that counts least in this order, so
 * they are neighbours in it and on the same side of any cursor: what has been visited stays behind the cursor,
 * what has not stays ahead, however often the table grows.
 *
 * With linear hashing the table is mostly between two powers of two. A step then is one bucket of the
 * smaller power together with the bucket split off from it, if that has happened already.
 *
 * When the table shrinks a cursor loses its least significant bits, which takes it back to the start of the
 * merged bucket. Elements can come twice then, but none is missed.
 */

/** The cursor after `cursor` in a table of `mask` + 1 buckets (a power of two); 0 when that was the last one. */
export function nextCursor(cursor: number, mask: number): number {
  return reverseBits((reverseBits(cursor | ~mask) + 1) | 0)
}

/** The 32 bits of an int32 in the opposite order. */
function reverseBits(value: number): number {
  let v = value
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1)
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2)
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4)
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8)
  return (v >>> 16) | (v << 16)
}
