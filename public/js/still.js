// @ts-check
// A moving picture for those who asked for less motion: its first frame, until it is clicked.

/**
 * @param {HTMLAnchorElement} link the picture, of class `still`: its image is not seen
 * @param {HTMLImageElement} image
 * @param {string} label
 */
export function hold(link, image, label) {
  const frame = document.createElement('canvas');
  const play = document.createElement('span');
  play.className = 'play';
  play.textContent = `▶ ${label}`;
  const draw = () => {
    frame.width = image.width * devicePixelRatio;
    frame.height = image.height * devicePixelRatio;
    frame.getContext('2d')?.drawImage(image, 0, 0, frame.width, frame.height);
  };
  if (image.complete && image.naturalWidth > 0) draw();
  else image.addEventListener('load', draw, { once: true });
  link.append(frame, play);
  link.addEventListener('click', (event) => {
    if (!link.classList.contains('still')) return;
    // The first click plays; the next one opens it.
    event.preventDefault();
    event.stopPropagation();
    link.classList.remove('still');
    frame.remove();
    play.remove();
  });
}
