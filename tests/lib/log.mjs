/* The program's log lines: JSON, since its standard error is no terminal here. */

/* Every line that is JSON, in order. */
export function logLines(program) {
  return program.log.split('\n').filter((line) => line.startsWith('{')).map((line) => {
    try {
      return JSON.parse(line);
    } catch {
      return {}; // the last line may still be on its way
    }
  });
}

/* "plan 0", "convert 3", ... of the job's parts whose line says `event` ("part started", "part done"). */
export function partsThat(program, event, job_id) {
  return logLines(program)
    .filter((line) => line.event === event && line.job_id === job_id)
    .map((line) => `${line.kind} ${line.part}`);
}
