/* A picture that the server may still be making: asked for again a few times, and left out where it
 * does not come. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const RETRY_SECONDS = [3, 6, 12, 24, 48];

interface PictureProps {
  url: string | null | undefined;
  /** Shown while there is none. */
  children?: ComponentChildren;
}

export function Picture({ url, children }: PictureProps) {
  const [attempt, setAttempt] = useState(0);
  const [is_missing, setMissing] = useState(false);
  useEffect(() => {
    const seconds = RETRY_SECONDS[attempt];
    if (!is_missing || seconds === undefined) {
      return undefined;
    }
    const timer = setTimeout(() => {
      setAttempt(attempt + 1);
      setMissing(false);
    }, seconds * 1000);
    return () => clearTimeout(timer);
  }, [is_missing, attempt]);
  if (!url || is_missing) {
    return <>{children}</>;
  }
  /* Another address each time: a browser does not ask twice for an image that failed. */
  const address = attempt > 0 ? `${url}?try=${attempt}` : url;
  return <img src={address} alt="" loading="lazy" onError={() => setMissing(true)} />;
}
