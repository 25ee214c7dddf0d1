/** Asking V8 to collect garbage: the only way to give dropped buffers back while a server is idle. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/**
 * Collects all garbage now. The heap holds none of the dataset, so this takes some 5 ms however much memory
 * it frees; what buffers held is freed by another thread afterwards.
 */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
