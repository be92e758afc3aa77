/* The picture of a media: its poster or cover, else a tile whose colour comes from its id. */
import { Icon } from './icon';
import { Picture } from './picture';

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
  return (
    <div class={`thumb hue-${hueOf(media_id)}`}>
      <Picture key={poster_url} url={poster_url}>
        <Icon name={is_video ? 'film' : 'music'} />
      </Picture>
    </div>
  );
}
