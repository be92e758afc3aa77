/* The picture of a media: its poster or cover, else a tile whose colour comes from its id. */
import { useState } from 'preact/hooks';
import { Icon } from './icon';

const HUES = 8;

interface ThumbProps {
  media_id: string;
  poster_url?: string | null;
  is_video: boolean;
}

function hueOf(media_id: string): number {
  let sum = 0;
  for (const character of media_id) {
    sum = (sum * 31 + character.charCodeAt(0)) % 65521;
  }
  return sum % HUES;
}

export function Thumb({ media_id, poster_url, is_video }: ThumbProps) {
  const [is_broken, setBroken] = useState(false);
  return (
    <div class={`thumb hue-${hueOf(media_id)}`}>
      {poster_url && !is_broken ? (
        <img src={poster_url} alt="" loading="lazy" onError={() => setBroken(true)} />
      ) : (
        <Icon name={is_video ? 'film' : 'music'} />
      )}
    </div>
  );
}
