/* How the system is doing, read every few seconds while it is looked at. */
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../../api';
import type { MonitorSummary } from '../../api';
import { language, t } from '../../i18n';
import { LoadError, Skeletons } from '../../ui/states';

const READ_EVERY_MS = 3000;

function percent(value: number): string {
  return new Intl.NumberFormat(language, { style: 'percent' }).format(value / 100);
}

function Figure({ label, value }: { label: string; value: string | number }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Nodes({ nodes }: { nodes: MonitorSummary['nodes'] }) {
  return (
    <section>
      <h2>{t('monitor.nodes')}</h2>
      <ul class="nodes">
        {nodes.map((node) => (
          <li key={node.id}>
            <span
              class={node.status === 'online' ? 'dot dot-ok' : 'dot dot-bad'}
              aria-hidden="true"
            />
            <strong>{node.id}</strong>
            <span class="muted">{node.role}</span>
            <span class="node-status">
              {node.status === 'online' ? t('monitor.online') : t('monitor.offline')}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function useSummary(): { summary: MonitorSummary | null; error: string | null; read: () => void } {
  const [summary, setSummary] = useState<MonitorSummary | null>(null);
  const [error, setError] = useState<string | null>(null);
  const read = async () => {
    try {
      setSummary(await api.monitorSummary());
      setError(null);
    } catch (failure) {
      if (!(failure instanceof ApiError)) {
        throw failure;
      }
      setError(failure.message);
    }
  };
  useEffect(() => {
    void read();
    const timer = window.setInterval(() => {
      if (!document.hidden) {
        void read();
      }
    }, READ_EVERY_MS);
    return () => window.clearInterval(timer);
  }, []);
  return { summary, error, read: () => void read() };
}

export function MonitorView() {
  const { summary, error, read } = useSummary();
  return (
    <>
      <h1>{t('nav.monitor')}</h1>
      {error !== null && <LoadError message={error} onRetry={read} />}
      {summary === null && error === null && <Skeletons />}
      {summary && (
        <>
          <dl class="figures">
            <Figure label={t('monitor.queue')} value={summary.queue.length} />
            <Figure label={t('monitor.cpu')} value={percent(summary.api.cpu_percent)} />
            <Figure label={t('monitor.memory')} value={percent(summary.api.memory_percent)} />
            <Figure label={t('monitor.users')} value={summary.sessions.total_users} />
            <Figure
              label={t('monitor.sessions')}
              value={summary.sessions.active_sessions_estimate}
            />
          </dl>
          <Nodes nodes={summary.nodes} />
        </>
      )}
    </>
  );
}
