/**
 * A delay line for Ethernet, for kernels without netem: `delay_line.ts MS NAME...` makes two TAP devices NAME-a and NAME-b for each
 * name, and what comes out of one goes into the other MS milliseconds later, in order. Says "ready", and runs until it is ended.
 *
 * By FFI, because Deno cannot open TAP devices itself. One loop without promises: nothing else runs here.
 * Leaves out: loss, jitter, rate.
 */
const [ms = "", ...names] = Deno.args;
const DELAY = Number(ms);
/** linux/if_tun.h, fcntl.h, poll.h. */
const TUNSETIFF = 0x400454can;
const [IFF_TAP, IFF_NO_PI] = [0x0002, 0x1000];
const [O_RDWR, O_NONBLOCK, POLLIN] = [2, 0o4000, 1];
/** The largest frame, and how many may be on their way. */
const [FRAME, QUEUE] = [65_600, 8_192];

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
}).symbols;

const text = (value: string) => new TextEncoder().encode(`${value}\0`);

function openTap(name: string): number {
  const fd = libc.open(text("/dev/net/tun"), O_RDWR | O_NONBLOCK);
  const request = new Uint8Array(40); // struct ifreq
  request.set(text(name).subarray(0, 16));
  new DataView(request.buffer).setUint16(16, IFF_TAP | IFF_NO_PI, true);
  if (fd < 0 || libc.ioctl(fd, TUNSETIFF, request) < 0) throw new Error(`Cannot make the TAP device "${name}"`);
  return fd;
}

const taps = names.flatMap((name) => {
  const [a, b] = [openTap(`${name}-a`), openTap(`${name}-b`)];
  return [{ fd: a, to: b }, { fd: b, to: a }];
});
/** struct pollfd: fd, events, revents. */
const polled = new Uint8Array(8 * taps.length);
const view = new DataView(polled.buffer);
taps.forEach(({ fd }, i) => {
  view.setInt32(8 * i, fd, true);
  view.setInt16(8 * i + 4, POLLIN, true);
});
const waiting: { due: number; to: number; frame: Uint8Array<ArrayBuffer> }[] = [];
const buffer = new Uint8Array(FRAME);
console.log("ready");
while (true) {
  const now = performance.now();
  while (waiting.length > 0 && waiting[0]!.due <= now) {
    const { to, frame } = waiting.shift()!;
    libc.write(to, frame, BigInt(frame.length));
  }
  const wait = waiting.length === 0 ? -1 : Math.max(0, Math.ceil(waiting[0]!.due - performance.now()));
  libc.poll(polled, BigInt(taps.length), wait);
  const due = performance.now() + DELAY;
  for (const [i, { fd, to }] of taps.entries()) {
    if ((view.getInt16(8 * i + 6, true) & POLLIN) === 0) continue;
    for (let length = 1; length > 0;) {
      length = Number(libc.read(fd, buffer, BigInt(FRAME)));
      if (length > 0 && waiting.length < QUEUE) waiting.push({ due, to, frame: buffer.slice(0, length) });
    }
  }
}
