/** One photo from the camera. */

import { find } from './elements.js';

/** What went wrong, by the name of getUserMedia's error. */
const TROUBLE = {
  NotFoundError: 'There is no camera on this device; choose a photo instead.',
  NotReadableError: 'Another program is using the camera; close it there, or choose a photo instead.',
  AbortError: 'The camera did not start; try again, or choose a photo instead.',
};
const REFUSED = 'The camera may not be used; allow it for this page, or choose a photo instead.';

/**
 * Wire the camera's dialog.
 *
 * @param {(frame: ImageBitmap, name: string) => void} take Gets each photo as the camera gave it.
 * @param {(sentence: string) => void} complain
 */
export function offerCamera(take, complain) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  const video = find('video');
  let photos = 0;
  let isOpening = false; // A second stream would keep the camera's light on.

  find('use-camera').hidden = false;
  find('use-camera').addEventListener('click', async () => {
    if (isOpening || video.srcObject) return;
    isOpening = true;
    try {
      // On a phone the one on its back, which is pointed at a picture or a person.
      const wanted = { width: { ideal: 1280 }, facingMode: { ideal: 'environment' } };
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
      find('shoot').disabled = true;
      find('camera').showModal();
    } catch (error) {
      complain(TROUBLE[error.name] ?? REFUSED);
    } finally {
      isOpening = false;
    }
  });
  video.addEventListener('loadeddata', () => (find('shoot').disabled = false)); // Before, there is no frame to take.
  find('shoot').addEventListener('click', async () => {
    const frame = createImageBitmap(video);
    find('shoot').disabled = true;
    try {
      take(await frame, `camera-${++photos}`);
    } catch {
      complain(TROUBLE.AbortError);
    }
    find('camera').close();
  });
  find('close-camera').addEventListener('click', () => find('camera').close());
  find('camera').addEventListener('close', () => {
    const stream = /** @type {MediaStream|null} */ (video.srcObject);
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}
