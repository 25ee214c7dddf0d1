/** The slot sizes small objects are rounded up to. It is a pair of constant tables; the arena does the rest. */

/** Bytes in a page; every page holds slots of one size class. */
export const PAGE_BYTES = 65536

/** The largest object, in bytes, that gets a slot in a page. */
export const LARGEST_SLOT = 16384

/** The classes by 8-byte units: `CLASS_OF[(size + 7) >> 3]` is the class for `size` ≤ LARGEST_SLOT bytes. */
export const CLASS_OF: Uint8Array = new Uint8Array((LARGEST_SLOT >> 3) + 1)

/** The slot size of each class in 8-byte units. */
export const CLASS_UNITS: Int32Array = sizes()

/** How many slots of each class a page holds. */
export const CLASS_SLOTS: Int32Array = CLASS_UNITS.map((units) => Math.floor(PAGE_BYTES / (units * 8)))

/*
 * Sizes go in 8-byte steps to 128 and in steps of an eighth of the last power of two above, so rounding up
 * wastes 6 % on average and 12.5 % at worst. Then each size is stretched to the largest that still fits as
 * often into a page: above 4 KiB that merges classes (six objects of 10 KiB or of 10.6 KiB fill the same page)
 * and hands the page's remainder to the objects, which can then grow in place.
 */
function sizes(): Int32Array {
  const found: number[] = []
  let step = 8
  for (let size = 8; size <= LARGEST_SLOT; size += step) {
    if (size >= 128 && (size & (size - 1)) === 0) step = size >> 3
    const fits = Math.floor(PAGE_BYTES / size)
    const stretched = Math.min(Math.floor(PAGE_BYTES / fits / 8), LARGEST_SLOT >> 3)
    if (found.at(-1) !== stretched) found.push(stretched)
  }
  let sizeClass = 0
  for (let units = 0; units < CLASS_OF.length; units++) {
    if (units > found[sizeClass]) sizeClass++
    CLASS_OF[units] = sizeClass
  }
  return Int32Array.from(found)
}
