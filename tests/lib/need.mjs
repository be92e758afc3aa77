/* What a test needs of the machine. Where it is missing the test is skipped, and says so; where
 * CI=true it fails, for there nothing may be missing. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export function hasCommand(name) {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/* Use: `if (!need(t, 'promtool')) return;` */
export function need(t, command) {
  if (hasCommand(command)) {
    return true;
  }
  if (process.env.CI === 'true') {
    throw new Error(`${command} is missing`);
  }
  t.skip(`SKIPPED: ${command} is missing (./setup --tests installs it)`);
  return false;
}
