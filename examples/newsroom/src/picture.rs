//! Pictures for the sample articles, painted instead of shipped: the example stays small and nobody has to ask where
//! a photograph comes from. A scene is a text of drawing steps; what it is made of is at the end of this file.
//!
//! Soft things (clouds, fog, glow) are veils, computed on a coarse grid and enlarged by the image crate, which is
//! optimised even where this crate is not. Sharp things are polygons.

use std::f32::consts::FRAC_PI_2;

use image::imageops::FilterType;
use image::{DynamicImage, ImageBuffer, Luma, RgbImage};

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Boats at their moorings, the sun just over the sea.
    HarbourAtDawn,
    /// Turbines over rolling fields on a summer afternoon.
    WindFarm,
    /// An open dome under the Milky Way.
    Observatory,
    /// Striped awnings before the houses of the square.
    MarketSquare,
    /// A stone bridge in the morning fog.
    BridgeInFog,
    /// Lit windows and white roofs at dusk.
    SnowOnRooftops,
}

/// Paints a scene. The same scene and size give the same picture every time.
pub fn draw(scene: Scene, width: u32, height: u32) -> RgbImage {
    let steps = match scene {
        Scene::HarbourAtDawn => HARBOUR_AT_DAWN,
        Scene::WindFarm => WIND_FARM,
        Scene::Observatory => OBSERVATORY,
        Scene::MarketSquare => MARKET_SQUARE,
        Scene::BridgeInFog => BRIDGE_IN_FOG,
        Scene::SnowOnRooftops => SNOW_ON_ROOFTOPS,
    };
    let pixels = vec![[0.0; 3]; SHEET[0] * SHEET[1]];
    let mut canvas = Canvas { pixels, ridge: LEVEL, throws: 0 };
    canvas.paint(steps, [0.0, 0.0, 1.0, 1.0, 1.0], ([0.0; 3], 1.0));
    let sheet = DynamicImage::ImageRgb8(canvas.develop());
    sheet.resize_to_fill(width, height, FilterType::Triangle).into_rgb8()
}

/// Width and height of the sheet that scenes are laid out on.
const SHEET: [usize; 2] = [1200, 800];

/// The ridge that stands for none: level at 0.
const LEVEL: [f32; 8] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];

/// A colour and its opacity.
type Tone = ([f32; 3], f32);

/// A picture in the making, with the ridge last set and the number of throws so far.
struct Canvas {
    pixels: Vec<[f32; 3]>,
    ridge: [f32; 8],
    throws: i32,
}

impl Canvas {
    /// Carries out steps: a word, then names, colours and numbers, whose meaning the arms name. A colour's fourth
    /// byte is its opacity; `-` is the tint. Shapes and sprites are placed relative to `place`: x, y, scale in both
    /// directions and opacity.
    fn paint(&mut self, steps: &str, place: [f32; 5], tint: Tone) {
        let within = |[x, y, w, h, opacity]: [f32; 5]| {
            let [left, top, sx, sy, thick] = place;
            [left + x * sx, top + y * sy, w * sx, h * sy, opacity * thick]
        };
        for step in steps.split(';') {
            let (mut words, mut tones, mut numbers) = (vec![], vec![], vec![]);
            for word in step.split_whitespace() {
                let (hex, number) = (u32::from_str_radix(word, 16), word.parse::<f32>());
                match (word, hex, number) {
                    ("-", ..) => tones.push(tint),
                    (_, Ok(hex), _) if word.len() == 6 => tones.push((rgb(hex), 1.0)),
                    (_, Ok(hex), _) if word.len() == 8 => tones.push((rgb(hex >> 8), (hex & 255) as f32 / 255.0)),
                    (_, _, Ok(number)) => numbers.push(number),
                    _ => words.push(word),
                }
            }
            let tone = *tones.first().unwrap_or(&tint);
            let low = tones.get(1).unwrap_or(&tone).0;
            let ridge = [LEVEL, self.ridge][matches!(words[0], "along" | "field") as usize];
            match (words[0], &numbers[..]) {
                ("sky", &[horizon]) => self.sky(&tones, horizon),
                ("mirror", &[horizon, wind]) => self.mirror(horizon as usize, wind),
                ("ridge", n) => self.ridge = n.try_into().expect("eight numbers"),
                ("land", &[fade, ref thickness @ ..]) => {
                    self.land(tone.0, low, fade, *thickness.first().unwrap_or(&f32::MAX));
                }
                ("veil" | "field", &[from, to, first, last, ref clouds @ ..]) => {
                    self.veil(tone.0, from + ridge[0] - ridge[1], to + ridge[0], |x, y| {
                        let y = y - height(ridge, x);
                        let alpha = first + (last - first) * ramp(from, to, y);
                        alpha * density(clouds, x, y) * (y >= from) as u8 as f32
                    });
                }
                ("glow", &[alpha, left, top, rx, ry, turn, ref clouds @ ..]) => {
                    let (sin, cos) = turn.sin_cos();
                    self.veil(tone.0, top - rx * 2.0, top + rx * 2.0, |x, y| {
                        let (x, y) = (x - left, y - top);
                        let light = bell((x * cos + y * sin) / rx) * bell((y * cos - x * sin) / ry);
                        alpha * light * density(clouds, x, y)
                    });
                }
                ("put", &[x, y, scale, tall, ref opacity @ ..]) => {
                    let opacity = *opacity.first().unwrap_or(&1.0);
                    let place = within([x, y, scale, scale.abs() * tall, opacity]);
                    self.paint(sprite(words[1]), place, tone);
                }
                ("scatter" | "along", &[count, x0, x1, y0, y1, s0, s1]) => {
                    let sprite = sprite(words[1]);
                    self.throws += 1;
                    for i in 0..count as i32 {
                        let dice = [0, 1, 2, 3, 4, 5].map(|n| hash(i, self.throws * 6 + n));
                        let x = x0 + (x1 - x0) * (i as f32 + 0.2 + 0.6 * dice[0]) / count;
                        let y = y0 + (y1 - y0) * dice[1] + height(ridge, x);
                        let h = (s0 + (s1 - s0) * dice[1]) * (0.8 + 0.4 * dice[2]);
                        let w = h * (0.9 + 0.2 * dice[3]) * (dice[4] - 0.5).signum();
                        let tone = tones.get((dice[5] * tones.len() as f32) as usize);
                        self.paint(sprite, within([x, y, w, h, 1.0]), *tone.unwrap_or(&tint));
                    }
                }
                ("light", &[x, y, rx, ry]) => self.light(tone, within([x, y, rx, ry, 1.0])),
                (shape, n) => {
                    let mut outline = outline(shape, n);
                    for p in &mut outline {
                        *p = [place[0] + p[0] * place[2], place[1] + p[1] * place[3]];
                    }
                    self.fill([tone.0, low], tone.1 * place[4], &outline);
                }
            }
        }
    }

    /// Lays a colour over one pixel.
    #[inline(always)]
    fn blend(&mut self, at: usize, colour: [f32; 3], alpha: f32) {
        self.pixels[at] = lerp(self.pixels[at], colour, alpha);
    }

    /// Fills the sheet with evenly spaced colours, the last one from `horizon` on.
    fn sky(&mut self, tones: &[Tone], horizon: f32) {
        for (y, row) in self.pixels.chunks_exact_mut(SHEET[0]).enumerate() {
            let t = (y as f32 / horizon).min(0.9999) * (tones.len() - 1) as f32;
            let (above, below) = (tones[t as usize].0, tones[t as usize + 1].0);
            row.fill(lerp(above, below, t.fract()));
        }
    }

    /// Lays a colour over a band of the sheet, as thick as `alpha` says.
    fn veil(&mut self, colour: [f32; 3], from: f32, to: f32, alpha: impl Fn(f32, f32) -> f32) {
        let [w, h] = SHEET.map(|side| side / 4);
        let (from, to) = ((from / 4.0) as usize, ((to / 4.0) as usize).min(h));
        let cell = |i: usize| {
            let alpha = alpha((i % w * 4 + 2) as f32, (i / w * 4 + 2) as f32);
            (alpha.clamp(0.0, 1.0) * 65535.0) as u16
        };
        let cells: Vec<u16> = (from * w..to * w).map(cell).collect();
        let grid = ImageBuffer::<Luma<u16>, _>::from_raw(w as u32, (to - from) as u32, cells);
        let grid = DynamicImage::ImageLuma16(grid.expect("as many cells as the grid has"));
        let (w, h) = (w as u32 * 4, (to - from) as u32 * 4);
        let full = grid.resize_exact(w, h, FilterType::Triangle).into_luma16();
        for (at, alpha) in full.into_raw().into_iter().enumerate() {
            if alpha != 0 {
                self.blend(from * 4 * SHEET[0] + at, colour, alpha as f32 / 65535.0);
            }
        }
    }

    /// Lays a soft spot of colour over the sheet.
    fn light(&mut self, (colour, alpha): Tone, [x, y, rx, ry, opacity]: [f32; 5]) {
        let (rx, ry) = (rx.abs(), ry.abs());
        for row in (y - ry) as usize..((y + ry) as usize).min(SHEET[1]) {
            for column in (x - rx) as usize..((x + rx) as usize).min(SHEET[0]) {
                let (u, v) = ((column as f32 - x) / rx, (row as f32 - y) / ry);
                let near = (1.0 - u * u - v * v).max(0.0);
                self.blend(row * SHEET[0] + column, colour, near * near * alpha * opacity);
            }
        }
    }

    /// Fills what lies below the ridge, fading from one colour to the other.
    fn land(&mut self, high: [f32; 3], low: [f32; 3], fade: f32, thickness: f32) {
        for x in 0..SHEET[0] {
            let edge = height(self.ridge, x as f32);
            let steep = 1.0 + (height(self.ridge, x as f32 + 1.0) - edge).abs();
            for y in edge as usize..((edge + thickness + 1.0) as usize).min(SHEET[1]) {
                let below = y as f32 + 1.0 - edge;
                let cover = (below / steep).min(thickness + 1.0 - below).min(1.0);
                self.blend(y * SHEET[0] + x, lerp(high, low, (below / fade).min(1.0)), cover);
            }
        }
    }

    /// Fills an outline, fading from its highest to its lowest point. Every row is cut four times and a cut counts
    /// by its fraction of a pixel, which smooths the edges.
    fn fill(&mut self, [high, low]: [[f32; 3]; 2], alpha: f32, outline: &[[f32; 2]]) {
        let [(x0, x1), (y0, y1)] = [0, 1].map(|axis| {
            let values = outline.iter().map(|point| point[axis]);
            values.fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(v), b.max(v)))
        });
        let (left, right) = (x0.max(0.0).floor(), x1.min(SHEET[0] as f32).ceil());
        let mut cuts = vec![0.0; (right - left) as usize + 2];
        for row in y0 as usize..(y1.ceil() as usize).min(SHEET[1]) {
            cuts.fill(0.0);
            for (i, &[bx, by]) in outline.iter().enumerate() {
                let [ax, ay] = outline[(i + outline.len() - 1) % outline.len()];
                for y in [0.125, 0.375, 0.625, 0.875].map(|quarter| row as f32 + quarter) {
                    if (ay <= y) != (by <= y) {
                        let x = ax + (bx - ax) * (y - ay) / (by - ay);
                        let x = x.min(right).max(left) - left;
                        let weight = 0.25 * (by - ay).signum();
                        cuts[x as usize] += weight * (1.0 - x.fract());
                        cuts[x as usize + 1] += weight * x.fract();
                    }
                }
            }
            let colour = lerp(high, low, ((row as f32 - y0) / (y1 - y0)).clamp(0.0, 1.0));
            let mut cover = 0.0_f32;
            for column in left as usize..right as usize {
                cover += cuts[column - left as usize];
                if cover.abs() > 0.002 {
                    self.blend(row * SHEET[0] + column, colour, cover.abs().min(1.0) * alpha);
                }
            }
        }
    }

    /// Turns everything below the horizon into water that shows what is above it.
    fn mirror(&mut self, horizon: usize, wind: f32) {
        for y in horizon..SHEET[1] {
            let depth = (y - horizon) as f32;
            let (u, v) = (4.0 / (depth + 26.0), (depth + 9.0).ln() * 13.0);
            for x in 0..SHEET[0] {
                let wave = (noise((x as f32 - 600.0) * u, v) - 0.5) * wind;
                let up = (depth * 0.92 + wave * (2.0 + depth * 0.16)).abs();
                let seen = self.pixels[(horizon - 1).saturating_sub(up as usize) * SHEET[0] + x];
                let shine = wave.max(0.0) * 0.09;
                self.pixels[y * SHEET[0] + x] = lerp(seen, [1.0, 0.93, 0.9], shine);
            }
        }
    }

    /// The finished picture. The grain hides the steps of eight-bit gradients.
    fn develop(self) -> RgbImage {
        let (mut bytes, mut grain) = (Vec::with_capacity(self.pixels.len() * 3), 1_u32);
        for pixel in self.pixels {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let shift = (grain >> 16) as f32 / 16384.0 - 1.5;
            bytes.extend(pixel.map(|channel| (channel * 255.0 + shift) as u8));
        }
        let [w, h] = SHEET.map(|side| side as u32);
        RgbImage::from_raw(w, h, bytes).expect("three bytes a pixel")
    }
}

/// The steps of a sprite.
fn sprite(name: &str) -> &'static str {
    let (_, after) = SPRITES.split_once(&format!("\n{name} {{")).expect("a sprite");
    after.split_once('}').expect("the end of a sprite").0
}

/// The outline of a shape around the origin.
fn outline(shape: &str, numbers: &[f32]) -> Vec<[f32; 2]> {
    let arc = |rx: f32, ry: f32, quarters: f32| {
        let turn = |i| (i as f32 / 20.0 * quarters * FRAC_PI_2).sin_cos();
        (0..=20).map(turn).map(|(sin, cos)| [rx * cos, -ry * sin]).collect::<Vec<_>>()
    };
    let between = |a: Vec<_>, b: Vec<_>| a.into_iter().chain(b.into_iter().rev()).collect();
    match (shape, numbers) {
        ("o", &[x, y, rx, ry]) => arc(rx, ry, 4.0).into_iter().map(|p| [x + p[0], y + p[1]]).collect(),
        ("r", &[x, y, w, h]) => vec![[x, y], [x + w, y], [x + w, y + h], [x, y + h]],
        ("dome", &[west, east, h]) => between(arc(west, h, 1.0), arc(east, h, 1.0)),
        ("ring", &[rx, ry, wide, tall]) => between(arc(rx, ry, 2.0), arc(wide, tall, 2.0)),
        ("span", &[x0, x1, y0, y1, rx, ry]) => {
            [vec![[x0, 0.0], [x0, y0], [x1, y1], [x1, 0.0]], arc(rx, ry, 2.0)].concat()
        }
        _ => numbers.chunks_exact(2).map(|p| [p[0], p[1]]).collect(),
    }
}

/// The height of a ridge at `x`: rolling, perhaps rough, perhaps with a hill in it.
fn height([base, swing, rate, seed, rough, hill, middle, radius]: [f32; 8], x: f32) -> f32 {
    let smooth = if swing + rough > 0.0 { noise(x * rate + seed, seed) } else { 0.0 };
    let coarse = if rough > 0.0 { fbm(x * rate * 2.0 + seed, seed) } else { 0.0 };
    let wave = smooth + rough * (coarse - smooth);
    base - swing * wave - hill * bell((x - middle) / radius) * (1.0 + rough * (wave - 0.5))
}

/// How dense a veil is at a point; one without clouds is the same everywhere.
fn density(clouds: &[f32], x: f32, y: f32) -> f32 {
    match *clouds {
        [rx, ry, sx, sy, from, to] => ramp(from, to, fbm(x * rx + sx, y * ry + sy)),
        _ => 1.0,
    }
}

/// A colour written as 0xRRGGBB.
fn rgb(hex: u32) -> [f32; 3] {
    [16, 8, 0].map(|shift| (hex >> shift & 255) as f32 / 255.0)
}

/// The colour between two others.
#[inline(always)]
fn lerp(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/// 0 before `from`, 1 after `to`, smooth between them.
fn ramp(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 in the middle, next to nothing from 2 on.
fn bell(x: f32) -> f32 {
    (-x * x).exp()
}

/// A fixed random number from 0 to 1 for every pair of integers.
fn hash(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) >> 8) as f32 / 16_777_216.0
}

/// Value noise from 0 to 1, one bump per unit.
fn noise(x: f32, y: f32) -> f32 {
    let (cx, cy) = (x.floor(), y.floor());
    let (sx, sy) = (ramp(0.0, 1.0, x - cx), ramp(0.0, 1.0, y - cy));
    let (cx, cy) = (cx as i32, cy as i32);
    let upper = hash(cx, cy) * (1.0 - sx) + hash(cx + 1, cy) * sx;
    let lower = hash(cx, cy + 1) * (1.0 - sx) + hash(cx + 1, cy + 1) * sx;
    upper + (lower - upper) * sy
}

/// Noise with finer noise on top, as clouds and coastlines have it; mostly from 0.2 to 0.8.
fn fbm(x: f32, y: f32) -> f32 {
    let octave = |n: f32| noise(x * n + 17.0 * n, y * n) / n;
    (octave(1.0) + octave(2.0) + octave(4.0) + octave(8.0) + octave(16.0)) / 1.9375
}

/// A sunrise, a harbour mouth with its light, three boats and the end of a jetty.
const HARBOUR_AT_DAWN: &str = "
sky 450 23305a 56568a b0799a f2a884 ffdca6; veil ffb48c 20 450 0 0.9 0.0035 0.019 0 0 0.48 0.8;
veil 4a4676 0 450 0.5 0.5 0.003 0.024 7 3 0.5 0.8; light ffe9b8 770 428 420 320; light fff3d0 770 430 130 110;
o fff8e4 770 430 27 27; ridge 447 0 0.008 1 1 40 -60 330; land 9a7c9c c99aa0 60; ridge 450 0 0.012 9 1 76 1230 170;
land 5c507c 8f6d8d 60; put lighthouse 1092 416 1 1 4a4270;
scatter cottage 15 -14 350 447 447 0.8 1.05 584b74 4f4470 65557c; mirror 446 1.4; veil 1d2a52 446 830 0 0.74;
scatter glint 120 738 802 449 500 0.5 0.9; scatter glint 90 715 835 480 620 0.8 1.5;
scatter glint 70 690 860 590 790 1.2 2.1; put boat 560 492 0.5 -0.8 0.4; put boat 560 492 0.5 1;
put boat 960 522 0.72 -0.8 0.4; put boat 960 522 0.72 1; put boat 372 596 1.3 -0.8 0.4; put boat 372 596 1.3 1;
p 19162c 100e20 -10 700 -10 900 300 900 262 676; p 4a3a58 241d38 -10 664 252 652 300 676 -10 722;
p 2a2240 14122a -10 722 300 676 300 694 -10 760; put post 242 608 1 1; put post 292 626 1.3 1.3;
put post 104 638 1.3 1.3; put gull 520 190 1.5 1; put gull 566 168 1.1 1; put gull 612 206 0.9 1";

/// Five ridges with fields and hedges between them, cumulus above, poppies in front.
const WIND_FARM: &str = "
sky 480 3f83c4 6fa9d6 9fc8e4 dcebe9 fdeecb; veil ffffff 0 460 1 0.9 0.0042 0.0095 2 0.4 0.48 0.62;
veil 8fa6c0 0 400 0.5 0.3 0.0042 0.0095 1.95 0.15 0.52 0.74; light fff0c0b0 1120 380 620 400;
ridge 464 70 0.0042 0.5 0 0 0 1; along turbine 4 0 1200 4 4 0.2 0.2 f4f7f7; along whirl 4 90 1300 4 4 0.2 0.2 f4f7f7;
land a3bcb4 c3d6b8 150; along bush 12 400 600 8 12 0.16 0.24; along bush 20 820 1100 14 18 0.16 0.24;
field dbe9e6 -12 150 0.3 0.6; ridge 512 90 0.003 8.5 0 0 0 1; along turbine 3 60 1100 4 4 0.38 0.38 f4f7f7;
along whirl 2 250 1250 4 4 0.38 0.38 f4f7f7; land 8fb584 aecb80 150; field f3e79a 0 150 0 0.5 0.005 0.016 1 0 0.48 0.6;
along bush 22 30 300 24 32 0.25 0.45; along bush 22 620 900 10 16 0.25 0.45; along bush 16 980 1190 34 46 0.25 0.45;
field dbe9e6 -9 150 0.1 0.4; ridge 594 120 0.0019 7.9 0 0 0 1; along turbine 2 100 700 4 4 0.7 0.7 f4f7f7;
along whirl 1 800 1200 4 4 0.7 0.7 f4f7f7; land 74ad58 a5c56d 150; field f3e79a 0 150 0 0.6 0.005 0.016 4 0 0.48 0.6;
along bush 14 -20 230 16 30 0.5 0.9; along bush 16 420 690 58 76 0.6 1; along bush 12 900 1090 24 34 0.5 0.9;
along bush 3 300 380 4 8 0.7 1; ridge 672 120 0.0022 11.6 0 0 0 1; along whirl 1 250 380 4 4 1.3 1.3 f4f7f7;
along turbine 1 780 900 4 4 1.3 1.3 f4f7f7; land 5f9748 8cb95a 150; field f3e79a 0 150 0 0.6 0.005 0.016 7 0 0.48 0.6;
along bush 9 60 290 30 52 1 1.6; along bush 9 700 980 50 66 1.1 1.7; along bush 4 1080 1210 10 20 1 1.5;
ridge 758 110 0.0017 15.3 0 0 0 1; land 3f7a39 2c5f2f 150;
along blade 300 -10 1210 20 90 0.7 1.1 3c7a35 5c9a41 86b552 24552b;
scatter blade 350 -10 1210 770 815 0.8 1.5 3c7a35 5c9a41 86b552; scatter poppy 56 0 1200 690 790 0.7 1.3";

/// The dome with its slit open, the Milky Way above it and somebody with a small telescope.
const OBSERVATORY: &str = "
sky 700 060b20 0b1737 14295a 24497a 5a86a0 d0ae8c; glow 8fa6dc 0.75 640 250 620 140 -0.9 0.006 0.006 0 0 0.1 0.8;
glow f3c9c4 0.8 650 250 430 62 -0.9 0.011 0.011 5 0 0.2 0.8;
glow 0a1230 0.85 690 205 330 46 -0.9 0.009 0.009 1 8 0.45 0.7;
scatter star 900 0 1200 0 600 0.5 0.5 ffffffb0 cfdcffa0 ffe6c890;
scatter star 160 0 1200 0 560 0.9 0.9 ffffff cfdcff ffe6c8; scatter star 260 300 950 0 520 0.5 0.5 ffffffa0;
scatter bright 8 0 1200 20 360 0.8 0.8; p ffffffd0 214 118 330 172 332 174; ridge 668 70 0.004 3 0 0 0 1;
land 2e5272 55707f 90; ridge 690 80 0.005 6 1 0 0 1; land 183450 1e3b52 90; light ffcf8a60 770 520 330 230;
put dome 770 522 1 1; ridge 712 30 0.008 2 0 104 770 330; along pine 22 -20 330 8 8 0.6 1.3 0d1b2c 0a1524;
along pine 12 1020 1220 8 8 0.6 1.3 0d1b2c 0a1524; along gazer 1 460 480 4 4 1 1 0b1626; land 0b1626 050a14 120";

/// Four stalls on the cobbles, gabled houses and the clock tower behind.
const MARKET_SQUARE: &str = "
sky 470 5d9bd2 8fbfe4 c4dff0 f6efdc; veil ffffff 0 420 0.95 0.7 0.005 0.011 4 0 0.47 0.68;
put tower 520 566 1 1.02 d9c6a5; put house 52 566 1.6 0.98 d98e6a; put step 208 566 1.6 0.9 e8d3a4;
put house 364 566 1.6 0.88 a9bfae; put step 520 566 1.6 0.75 d5796b; put house 676 566 1.6 0.92 9fb6cc;
put step 832 566 1.6 0.93 efe3cb; put house 988 566 1.6 0.97 c9a0a0; put step 1144 566 1.6 0.84 e3b56b;
ridge 564 0 0 0 0 0 0 1; land a8967f cdbb9c 220; scatter cobble 420 0 1200 570 640 0.35 0.7 c9b99d b3a48d a3937f;
scatter cobble 300 0 1200 640 800 0.7 1.5 d3c4a8 bcab90 c6b595 b0a08a; veil 4a3a54 490 566 0 0.42;
veil 4a3a54 566 690 0.42 0; put person 300 636 0.85 1 54406e; put person 330 640 0.8 1 d09a3a;
put person 905 640 0.8 1 2f5d78; put stall 20 700 1 1 c8453c; put stall 320 716 1 1 2f6f8f;
put stall 620 704 1 1 3f8560; put stall 920 720 1 1 d9902f; put person 345 748 1.1 1 8c3f4a;
put person 600 764 1.15 1 4a6b4a; put person 652 768 0.8 1 e0b040; ridge 190 0 0 0 0 -130 600 420;
land 6b5a50 6b5a50 9 1.5; along pennant 32 -10 1210 1 1 1 1 c8453c fbf3e2 2f6f8f e9b23c 3f8560;
light fff2cc70 120 60 900 700";

/// Banks of trees that the fog takes back one by one, and the bridge they lead to.
const BRIDGE_IN_FOG: &str = "
sky 520 b9c6d0 cbd3d8 e3dfd8 f3e6d3 f7ead8; light fff6e2 830 170 420 380; o fffdf4e8 830 170 40 40;
ridge 430 60 0.010 3 1 150 -60 250; land a9b7bc cfd3d2 150; ridge 430 60 0.010 13 1 150 1290 240;
land a9b7bc cfd3d2 150; veil eee6da 180 520 0 0.8 0.004 0.012 0 0 0.1 0.8; ridge 480 50 0.010 8 1 240 -90 220;
land 8b9ea4 c3cac9 190; ridge 480 50 0.010 21 1 200 1310 200; land 8b9ea4 c3cac9 190;
veil eee6da 180 540 0 0.8 0.004 0.012 3 0 0.1 0.8; ridge 530 40 0.010 30 1 300 -120 190; land 6c8388 b4bfbf 190;
veil eee6da 300 540 0 0.7 0.004 0.012 6 0 0.1 0.8; put middle 600 524 1 1; put side 836 524 1 1; put side 364 524 -1 1;
put shore 1072 524 1 1; put shore 128 524 -1 1; ridge 416 0 0 0 0 62 600 420; land a8a097 9a948c 30 36;
land cbc2b5 b8afa3 10 10; ridge 446 0 0 0 0 62 600 420; land 76746f 76746f 9 3; put lamp 482 360 1 1;
put lamp 718 360 1 1; put person 560 356 0.5 1 5a5560; veil efe8dc 300 530 0 0.9 0.005 0.014 9 0 0.1 0.75;
mirror 522 0.7; veil 55707a 522 860 0.1 0.7; veil f4ecdf 420 530 0 0.8 0.004 0.02 2 0 0.1 0.6;
veil f4ecdf 530 660 0.8 0 0.004 0.02 2 0 0.1 0.6; put rower 350 640 1.2 -0.6 0.3; put rower 350 640 1.2 1;
put heron 905 742 1.4 -0.7 0.3; put heron 905 742 1.4 1; scatter reed 70 -20 200 806 830 0.6 1.6 4b5f5c 37494a;
scatter reed 80 980 1220 806 830 0.6 1.7 4b5f5c 37494a; scatter mace 9 0 180 806 830 0.8 1.4;
scatter mace 10 1030 1210 806 830 0.8 1.5";

/// Three rows of houses with the haze of the evening between them, and a cat that watches.
const SNOW_ON_ROOFTOPS: &str = "
sky 480 17234a 34426f 6b6c98 b78a9c e9ae94; veil 8d86ac 0 430 0.5 0.5 0.003 0.012 0 5 0.45 0.8;
ridge 420 130 0.004 3 1 0 0 1; land 8286ac b8b4cc 120; scatter gable 8 -20 1220 455 475 0.56 0.66 6c5a72 7d6470 59577a;
scatter eaves 7 40 1260 460 480 0.56 0.66 6c5a72 59577a; ridge 484 26 0.012 2 0 0 0 1; land d5dcf0 8f9cc4 130;
veil 7f83ad 150 460 0 0.42; veil 7f83ad 460 800 0.42 0.2; put church 800 548 1 1 5d5878;
scatter eaves 5 60 1260 560 580 0.95 1.05 6c5a72 7d6470 846a6a;
scatter gable 5 -60 1140 560 580 0.9 1.1 6c5a72 59577a 846a6a; ridge 592 28 0.008 4 0 0 0 1; land d5dcf0 8f9cc4 130;
veil 7f83ad 200 570 0 0.24; veil 7f83ad 570 800 0.24 0.1; put gable 40 712 1.6 1.05 6c5a72;
put eaves 262 716 1.6 1 7d6470; put gable 524 706 1.6 1.1 846a6a; put eaves 706 704 1.55 1.1 8a6a66;
put gable 880 710 1.55 1.05 846a72; put eaves 1136 712 1.65 1.12 7d6470;
glow d9d3e4 0.65 106 345 95 22 -1.33 0.022 0.022 0 0 0.22 0.72;
glow d9d3e4 0.65 593 318 100 22 -1.33 0.022 0.022 3 0 0.22 0.72;
glow d9d3e4 0.65 945 345 95 22 -1.33 0.022 0.022 6 0 0.22 0.72; ridge 712 24 0.005 9 0 0 0 1; land e6ecfa 9dabd2 120;
p ffffff b3c1e4 -10 690 160 668 330 658 452 656 520 690 700 830 -10 830;
p ffffff80 -10 690 160 668 330 658 452 656 456 662 330 666 160 678 -10 702; put cat 300 664 1 1 1c1a2c;
scatter flake 420 0 1200 0 800 0.7 0.9 ffffffa0; scatter flake 120 0 1200 0 800 1.5 2.4 ffffffc0";

/// The shapes that scenes are put together from, each around its own foot.
const SPRITES: &str = "
lighthouse { light fff4d0c0 0 -108 100 90; p -14 0 -8 -100 8 -100 14 0; r -12 -102 24 4; r -9 -118 18 16;
  p -12 -116 0 -130 12 -116; o fff1c4 0 -108 5 6 }
cottage { p -15 0 -15 -20 0 -33 15 -20 15 0; r 5 -34 4 9; r ffce85 -7 -16 4 5; r ffce85 2 -16 4 5 }
glint { o ffdfa8b0 0 0 9 0.9 }
boat { p 3b2f4e 1b1830 -92 0 -112 -34 -40 -24 60 -26 122 -46 96 0;
  p c4776a 8d4f5c -108 -27 -112 -34 -40 -24 60 -26 122 -46 118 -38 60 -19 -40 -17;
  p 6a5468 3d3350 -62 -24 -62 -68 -8 -68 -2 -24; r ffd08a -52 -58 18 14; r ffd08a -27 -58 15 14;
  p 2b2440 -68 -68 -66 -73 -4 -73 0 -68; p 2b2440 28 -24 29 -168 32 -168 34 -24;
  p 2b2440 31 -160 118 -44 120 -45 31 -163; p 2b2440 30 -160 -108 -34 -108 -36 30 -163;
  p b5655f 7a4656 26 -42 27 -140 22 -92 -22 -84 4 -58 }
post { p 6b5064 15122a -6 0 6 0 8 200 -8 200; o 8a6470 0 1 6 2.6 }
gull { p 2b2a4a 0 0 6 -5 12 -1 6 -3; p 2b2a4a 0 0 -6 -5 -12 -1 -6 -3 }
mast { p - d5dee0 -5 0 -2.4 -200 2.4 -200 5 0; p b9c8d0 9fb3b8 -5 0 -2.4 -200 -0.8 -200 -1.6 0 }
turbine { put mast 0 0 1 1 -; p -2 -200 -12 -224 -20 -310 2 -222 2 -200; p 0 -202 22 -196 103 -164 18 -188 0 -198;
  p 0 -198 -26 -190 -83 -126 -14 -182 0 -202; o dfe7ea 0 -200 5 5 }
whirl { put mast 0 0 1 1 -; p -2 -200 8 -225 62 -293 18 -220 3 -199; p 0 -202 -20 -206 -112 -207 -24 -197 0 -197;
  p -2 -200 6 -176 50 -99 18 -178 3 -201; o dfe7ea 0 -200 5 5 }
bush { o 2c562e50 4 2 22 5; o 3c6a36 0 -8 13 11; o 3c6a36 -10 -4 9 7; o 3c6a36 11 -5 10 8; o 5c8f45 3 -12 8 6;
  o 6fa04c 10 -8 5 4; o 55883f -9 -7 5 4 }
blade { p - 24552b -2.2 0 10 -58 2.2 0 }
poppy { p 3c7a35 -1 60 0 0 1 60; o d8402f 0 0 7 5.5; o f2755a -1.5 -1.5 3.5 2.5; o 4a1a1a 0 1 1.6 1.4 }
star { o 0 0 1 1 }
bright { light eaf1ff90 0 0 12 12; o eaf1ff 0 0 2.1 2.1 }
dome { r 1c2740 -130 0 260 110; p 56638a 27334f -130 0 -60 0 -60 110 -130 110; dome a9b6cf 46557a -140 140 140;
  dome 8a98b8 374468 20 140 140; dome 6a7899 2a3555 84 140 140; dome ffe9b4 f2a552 -66 -20 140; r 0e1628 -140 -6 280 9;
  light ffb85a70 -6 70 60 60; r ffcf7a e08b3c -20 38 26 60; r ffcf7a e08b3c 60 30 18 22; r ffcf7a e08b3c 94 30 18 22 }
pine { p -22 8 0 -48 22 8; p -18 -28 0 -66 18 -28; p -13 -50 0 -86 13 -50 }
gazer { o 0 -47 6 6.5; p -7 0 -9 -36 -3 -41 4 -41 9 -34 7 0; p 6 -36 26 -34 26 -30 4 -30;
  p 22 -26 60 -62 66 -56 28 -20; p 40 -42 30 0 33 0 42 -40 52 0 55 0 45 -42 }
tower { p - b79f7c -50 0 -50 -400 50 -400 50 0; r 00000028 14 -400 36 400; p 5f7f78 4c6a68 -58 -400 0 -490 58 -400;
  r cbb48e -58 -406 116 10; o cbb48e 0 -350 38 34; o f7f1e0 0 -350 34 30; o 3a3030 0 -350 3 3;
  p 3a3030 -2 -350 0 -374 2 -350; p 3a3030 0 -352 20 -342 0 -348; r 3a3030 -1 -530 2 44; o e0b040 0 -490 5 5;
  p e0b040 1 -530 18 -524 1 -518 }
window { r fff8e8 -9 -17 18 34; r 4f6a80 8fa9b8 -7 -15 14 30; r fff8e8 -1 -15 2 30; r fff8e8 -7 -3 14 2;
  r 00000030 -10 17 20 3; r 00000028 -19 -16 9 32; r 00000028 10 -16 9 32 }
storey { put window -30 0 0.6 1; put window 0 0 0.6 1; put window 30 0 0.6 1 }
house { p 9c5543 6f3a34 -51 -214 0 -290 51 -214; p - - -48 0 -48 -216 48 -216 48 0; r 00000030 -51 -216 102 5;
  light 00000030 46 -60 30 190; put window 0 -238 0.55 0.75; put storey 0 -178 1 1; put storey 0 -122 1 1;
  r 00000018 -48 -92 96 3; put storey 0 -60 1 1 }
step { p -48 0 -48 -200 -38 -200 -38 -226 -26 -226 -26 -252 -13 -252 -13 -276 13 -276 13 -252 26 -252 26 -226 38 -226
  38 -200 48 -200 48 0; light 00000030 46 -60 30 190; o fff8e8 0 -246 7 11; o 4f6a80 0 -246 5 8;
  put window -15 -206 0.55 0.8; put window 15 -206 0.55 0.8; put storey 0 -152 1 1; r 00000018 -48 -122 96 3;
  put storey 0 -92 1 1 }
cobble { o 0 0 17 6; o ffffff20 -3 -1.5 10 3 }
person { o 30203048 14 2 34 6; r 2b2a35 -9 -34 7 34; r 2b2a35 2 -34 7 34; p -14 -28 -16 -72 -8 -84 8 -84 16 -72 14 -28;
  p 00000030 4 -28 6 -84 8 -84 16 -72 14 -28; o 4a3628 0 -98 10 12; o 4a3628 0 -106 6 6 }
fruit { o 0 0 7.5 7; o ffffff50 -2 -2.5 2.5 2 }
stall { o 30203058 140 -2 150 16; r 5b4536 8 -190 6 190; r 5b4536 252 -190 6 190;
  p 7a5a40 5c4330 2 -58 266 -58 258 0 10 0; r 9a7550 0 -64 268 9; r 30203070 14 -132 238 68;
  scatter fruit 16 10 70 -66 -76 1 1 d8402f; scatter fruit 16 72 130 -66 -76 1 1 e9a02c;
  scatter fruit 16 134 194 -66 -76 1 1 7fae3f; scatter fruit 16 198 258 -66 -76 1 1 b7334d; r 00000020 134 -55 2 55;
  p fbf3e2 e6d6bd 16 -200 246 -200 276 -132 -14 -132; p 18 -200 37 -200 12 -132 -14 -132; o -1 -132 13 11;
  o e6d6bd 25 -132 13 11; p 56 -200 75 -200 65 -132 39 -132; o 52 -132 13 11; o e6d6bd 78 -132 13 11;
  p 94 -200 113 -200 117 -132 91 -132; o 104 -132 13 11; o e6d6bd 130 -132 13 11;
  p 132 -200 151 -200 169 -132 143 -132; o 156 -132 13 11; o e6d6bd 182 -132 13 11;
  p 170 -200 189 -200 221 -132 195 -132; o 208 -132 13 11; o e6d6bd 234 -132 13 11;
  p 208 -200 227 -200 274 -132 247 -132; o 260 -132 13 11 }
pennant { p -12 0 12 0 0 30 }
middle { span a39c92 77797b -119 119 -148 -148 100 116; ring c4bbae 100 116 114 131 }
side { span a39c92 77797b -118 118 -148 -133 97 104; ring c4bbae 97 104 111 119 }
shore { span a39c92 77797b -118 160 -133 -100 93 78; ring c4bbae 93 78 106 91 }
lamp { light fff0c4c0 0 -64 40 40; r 55585c -1.5 -58 3 58; o fff6da 0 -64 5 7; p 55585c -7 -71 0 -78 7 -71 }
rower { p 33434a 1f2c32 -70 0 -86 -18 -40 -12 40 -12 86 -20 70 0; p 4d5a60 -12 -12 -14 -40 -4 -48 8 -44 12 -12;
  o 5a666a -1 -56 7 8; p 33434a -8 -34 40 -16 40 -14 -8 -30; p 33434a 10 -26 64 6 62 8 8 -22 }
heron { r 2b3a40 -3 -40 2 40; r 2b3a40 7 -40 2 40; p 2b3a40 -36 -34 -20 -50 0 -59 14 -60 22 -52 12 -40 -4 -35 -20 -33;
  p 2b3a40 8 -58 16 -68 14 -80 8 -90 10 -100 17 -102 21 -98 16 -94 16 -88 22 -78 22 -64 18 -50;
  p 2b3a40 17 -101 44 -95 17 -95; p 2b3a40 15 -101 -4 -98 12 -97 }
reed { p - 1f2f32 -3 0 12 -110 3 0 }
mace { p 1f2f32 -1.5 0 0 -120 1.5 0; p 3d3733 -3.4 -112 -2.6 -132 0 -146 2.6 -132 3.4 -112 }
church { r -34 -210 68 210; r 00000030 8 -210 26 210; p 4a4a6e 5d5878 -40 -208 0 -370 40 -208; r 3a3650 -1 -392 2 26;
  o ffd58a 0 -392 3 3; p e6ecfa b4c0de 0 -376 -44 -206 -20 -206 -3 -320; r e6ecfa -40 -212 80 6;
  p ffd58a ffb65a -9 -150 -9 -176 0 -188 9 -176 9 -150 }
pane { light ffc46a70 0 0 34 34; r ffdf98 ffb65a -10 -13 20 26; r 4a3838 -1 -13 2 26; r 4a3838 -10 -2 20 2;
  r eef3ff -13 12 26 4 }
gable { r 4a3c4c 20 -150 14 40; p f2f6ff d5def2 17 -150 20 -158 34 -158 37 -150; p -46 0 -46 -88 0 -134 46 -88 46 0;
  p 00000028 0 0 0 -134 46 -88 46 0; put pane -17 -59 1 1; put pane 17 -59 1 1; o ffd58a 0 -100 6 6;
  r 4a3040 -8 -30 16 30;
  p f4f7ff a9b8de 0 -152 -56 -97 -62 -88 -60 -81 -53 -80 -46 -85 0 -129 46 -85 53 -80 60 -81 62 -88 56 -97 }
eaves { r 4a3c4c -44 -142 14 40; p f2f6ff d5def2 -47 -142 -44 -150 -30 -150 -27 -142; r -62 -72 124 72;
  r 00000030 -62 -72 124 11; put pane -38 -38 0.9 0.9; put pane -8 -38 0.9 0.9; r 39415f 26 -50 18 24;
  r eef3ff 23 -27 24 4;
  p f4f7ff b3c1e4 -54 -126 -48 -131 48 -131 54 -126 67 -76 67 -69 60 -65 44 -66 30 -69 10 -65 -12 -65 -30 -69 -50 -65
  -62 -65 -67 -69 -67 -76 }
cat { light 28304860 14 2 46 10; p -16 2 -20 -20 -13 -38 -9 -46 -10 -62 -4 -56 4 -56 10 -62 9 -46 15 -24 17 2;
  p 10 -5 30 -5 42 -9 46 -16 50 -15 46 -4 34 3 10 2; o ffd98c -3.5 -50 1.3 1.5; o ffd98c 3.5 -50 1.3 1.5 }
flake { o 0 0 1 1 }
";
