/* How long the page waits for news before it asks by itself. */

const BUSY_MS = 2000;
const IDLE_MS = 15_000;
/** A proxy may hold events back although the line stands: a running job is never quiet this long. */
const LIVE_BUSY_MS = 8000;

/** Milliseconds; infinite where there is nothing to ask for. */
export function quietMax(is_live: boolean, has_active_jobs: boolean): number {
  if (is_live) {
    return has_active_jobs ? LIVE_BUSY_MS : Number.POSITIVE_INFINITY;
  }
  return has_active_jobs ? BUSY_MS : IDLE_MS;
}
