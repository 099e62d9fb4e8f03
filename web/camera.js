/** One photo from the camera. */

const find = (id) => document.getElementById(id);

/**
 * Wire the camera's dialog.
 *
 * @param {(file: File) => void} take Gets each photo, as PNG: no second loss.
 * @param {(sentence: string) => void} complain
 */
export function offerCamera(take, complain) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  const video = find('video');
  let photos = 0;

  find('use-camera').hidden = false;
  find('use-camera').addEventListener('click', async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    } catch (error) {
      complain(
        error.name === 'NotFoundError'
          ? 'There is no camera on this device; choose a photo instead.'
          : 'The camera may not be used; allow it for this page, or choose a photo instead.',
      );
      return;
    }
    find('camera').showModal();
  });
  find('shoot').addEventListener('click', () => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d').drawImage(video, 0, 0);
    canvas.toBlob((blob) => take(new File([blob], `camera-${++photos}.png`, { type: blob.type })), 'image/png');
    find('camera').close();
  });
  find('close-camera').addEventListener('click', () => find('camera').close());
  find('camera').addEventListener('close', () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}
