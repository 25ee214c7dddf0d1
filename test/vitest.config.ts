import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import type { Reporter, TestModule } from 'vitest/node'

const LONG_MS = 120_000

/**
 * Names the files that take very long. One that keeps its event loop to itself fails by no time-out of its own, and
 * without this nothing tells which it is.
 */
class LongRunning implements Reporter {
  private readonly timers = new Map<string, NodeJS.Timeout>()

  onTestModuleQueued({ moduleId }: TestModule): void {
    const tell = (): void => console.error(`has not ended after ${LONG_MS / 1000} s: ${moduleId}`)
    this.timers.set(moduleId, setTimeout(tell, LONG_MS).unref())
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    clearTimeout(this.timers.get(moduleId))
  }
}

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', new LongRunning()],
    coverage: { provider: 'v8', include: ['src/**'] },
  },
})
