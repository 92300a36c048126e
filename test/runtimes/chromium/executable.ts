/** Of Debian's package `chromium-headless-shell`, which `tools/install-chromium.sh` installs. */
export const chromiumPath = "/usr/bin/chromium-headless-shell";
