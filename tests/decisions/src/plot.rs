//! The outcome as a picture: how often each rule rolls back what is healthy, and how soon what is not.
//!
//! The picture has its own background and follows the reader's colour scheme. Rules differ by shape as well as by colour.

use std::fmt::Write as _;

use crate::{
    report::Compared,
    rules::{ALPHA, NAMES, RULES},
    summary::{Delay, Estimate},
};

const WIDTH: f64 = 980.0;
/// Where the plots begin and end; labels are left of them.
const LEFT: f64 = 370.0;
const RIGHT: f64 = 850.0;
/// The height of a release's row, and how far the rules' marks in it are apart.
const ROW: f64 = 36.0;
const APART: f64 = 5.5;
/// A rule that rolls back more of what is healthy than this has hollow marks.
const TOO_MANY: f64 = 0.01;

/// Plain enough for renderers that know no more of CSS than classes; they show the light scheme.
const STYLE: &str = "\
.card{fill:#ffffff;stroke:#d5dae1}.text{fill:#1c2430}.soft{fill:#5b6675}.grid{stroke:#e3e7ec}.band{fill:#f5f7fa}\
.bound{stroke:#1c2430}.alpha{stroke:#c98a00}\
.r0{fill:#d98e00;stroke:#d98e00}.r1{fill:#c43d4b;stroke:#c43d4b}.r2{fill:#7a55c7;stroke:#7a55c7}\
.r3{fill:#1f78b4;stroke:#1f78b4}.r4{fill:#2e8b57;stroke:#2e8b57}\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}\
@media (prefers-color-scheme:dark){.card{fill:#11161d;stroke:#2d3642}.text{fill:#e8ecf1}.soft{fill:#9aa6b5}\
.grid{stroke:#252d38}.band{fill:#171d26}.bound{stroke:#e8ecf1}.alpha{stroke:#ffc233}\
.r0{fill:#ffc233;stroke:#ffc233}.r1{fill:#ff7b86;stroke:#ff7b86}.r2{fill:#b79bff;stroke:#b79bff}\
.r3{fill:#63b7f2;stroke:#63b7f2}.r4{fill:#62cf94;stroke:#62cf94}}";

/// A logarithmic axis from LEFT to RIGHT.
struct Axis {
    low: f64,
    high: f64,
    ticks: &'static [(f64, &'static str)],
}

const SHARES: Axis = Axis {
    low: 0.000_1,
    high: 1.0,
    ticks: &[
        (0.000_1, "≤ 0.01 %"),
        (0.001, "0.1 %"),
        (0.01, "1 %"),
        (0.1, "10 %"),
        (1.0, "100 %"),
    ],
};

const MINUTES: Axis = Axis {
    low: 0.5,
    high: 480.0,
    ticks: &[
        (1.0, "1 min"),
        (5.0, "5 min"),
        (15.0, "15 min"),
        (60.0, "1 h"),
        (240.0, "4 h"),
    ],
};

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        LEFT + (RIGHT - LEFT) * (value / self.low).ln() / (self.high / self.low).ln()
    }
}

/// What is drawn so far, and where the next thing goes.
struct Picture {
    body: String,
    y: f64,
}

impl Picture {
    /// Writing to a text cannot fail.
    fn add(&mut self, shape: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(shape);
        self.body.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, class: &str, size: u32, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace("->", "→").replace('<', "&lt;");
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" class="{class}" font-size="{size}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64), width: f64) {
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}" stroke-width="{width}"/>"#
        ));
    }

    /// The mark of a rule: circle, square, triangle, diamond, upturned triangle.
    fn mark(&mut self, rule: usize, (x, y): (f64, f64), is_hollow: bool) {
        let fill = if is_hollow { r#" style="fill:none""# } else { "" };
        let class = format!(r#"class="r{rule}"{fill} stroke-width="1.6""#);
        let size = if rule == 0 { 5.5 } else { 4.2 };
        let corners: &[(f64, f64)] = match rule {
            0 => return self.add(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{size}" {class}/>"#)),
            1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            2 => &[(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
            3 => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            _ => &[(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)],
        };
        let points = corners
            .iter()
            .map(|(dx, dy)| format!("{:.1},{:.1}", x + size * dx, y + size * dy));
        let points = points.collect::<Vec<_>>().join(" ");
        self.add(format_args!(r#"<polygon points="{points}" {class}/>"#));
    }

    fn legend(&mut self) {
        let mut x = 32.0;
        for (rule, name) in NAMES.into_iter().enumerate() {
            self.mark(rule, (x, self.y - 4.0), false);
            self.text(x + 11.0, self.y, "text", 13, "start", name);
            // About seven pixels a letter, and a gap.
            x += 32.0 + 6.6 * name.chars().fold(0.0, |width, _| width + 1.0);
        }
        self.y += 22.0;
    }

    fn heading(&mut self, title: &str, explanation: &str) {
        self.text(32.0, self.y, "text", 17, "start", title);
        self.text(32.0, self.y + 20.0, "soft", 13, "start", explanation);
        self.y += 36.0;
    }

    /// Bands behind every other row, the grid, and what its lines mean.
    fn frame(&mut self, axis: &Axis, rows: usize) {
        let begin = self.y;
        let mut end = begin;
        for row in 0..rows {
            if row % 2 == 0 {
                self.add(format_args!(
                    r#"<rect x="20" y="{end:.1}" width="{:.1}" height="{ROW}" class="band" rx="4"/>"#,
                    WIDTH - 40.0
                ));
            }
            end += ROW;
        }
        for (value, name) in axis.ticks {
            let x = axis.at(*value);
            self.line("grid", (x, begin), (x, end), 1.0);
            self.text(x, end + 18.0, "soft", 12, "middle", name);
        }
    }
}

/// Draws both plots.
#[must_use]
pub fn draw(all: &[Compared]) -> String {
    let mut picture = Picture {
        body: String::new(),
        y: 44.0,
    };
    picture.legend();
    picture.y += 22.0;
    let (healthy, regressions): (Vec<_>, Vec<_>) =
        all.iter().partition(|compared| compared.setting.regression.is_none());
    healthy_plot(&mut picture, &healthy);
    regressions_plot(&mut picture, &regressions);
    let height = picture.y;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"How often healthy releases are rolled back, and how soon regressions are noticed, by rule\">\n\
         <style>{STYLE}</style>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"12\" class=\"card\"/>\n{}</svg>\n",
        WIDTH - 1.0,
        height - 1.0,
        picture.body
    )
}

/// Where the marks of a row are, from its top, by rule.
fn places(top: f64) -> impl Iterator<Item = (usize, f64)> {
    (0..RULES).scan(top + ROW / 2.0 - 2.0 * APART, |y, rule| {
        let place = *y;
        *y += APART;
        Some((rule, place))
    })
}

fn healthy_plot(picture: &mut Picture, all: &[&Compared]) {
    picture.heading(
        "Healthy releases that are rolled back",
        "Rows: requests a minute, the canary's share, how many fail. Bars: 95 % intervals. Line: the 0.1 % that Serin promises.",
    );
    picture.frame(&SHARES, all.len());
    let alpha = SHARES.at(ALPHA);
    let begin = picture.y;
    for compared in all {
        let top = picture.y;
        picture.text(32.0, top + ROW / 2.0 + 4.5, "text", 13, "start", &compared.setting.name);
        for ((rule, y), share) in places(top).zip(&compared.healthy) {
            share_mark(picture, rule, y, share);
        }
        picture.y += ROW;
    }
    picture.line("alpha", (alpha, begin), (alpha, picture.y), 2.0);
    picture.y += 64.0;
}

fn share_mark(picture: &mut Picture, rule: usize, y: f64, share: &Estimate) {
    let (low, high) = (SHARES.at(share.low), SHARES.at(share.high));
    picture.line(&format!("r{rule}"), (low, y), (high, y), 1.4);
    picture.mark(rule, (SHARES.at(share.value), y), false);
}

fn regressions_plot(picture: &mut Picture, all: &[&Compared]) {
    picture.heading(
        "Regressions: how long until they are rolled back",
        "Median. Bar: the least that any test needs which keeps to 0.1 %. Hollow: rolls back over 1 % of such releases if \
         they are healthy.",
    );
    picture.frame(&MINUTES, all.len());
    let never = RIGHT + 60.0;
    let end = picture.y + ROW * all.iter().fold(0.0, |rows, _| rows + 1.0);
    picture.text(never, end + 18.0, "soft", 12, "middle", "over half missed");
    for compared in all {
        let top = picture.y;
        picture.text(32.0, top + ROW / 2.0 + 4.5, "text", 13, "start", &compared.setting.name);
        let bound = MINUTES.at(compared.setting.bound().unwrap_or(f64::INFINITY));
        picture.line("bound", (bound, top + 5.0), (bound, top + ROW - 5.0), 3.0);
        for ((rule, y), (summary, healthy)) in places(top).zip(compared.summaries.iter().zip(&compared.healthy)) {
            let x = match summary.delay {
                Delay::NoneLeft => continue,
                Delay::Never => never,
                Delay::Median(minutes) => MINUTES.at(minutes.value),
            };
            picture.mark(rule, (x, y), healthy.value > TOO_MANY);
        }
        picture.y += ROW;
    }
    picture.y += 38.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_logarithmic_and_holds_everything() {
        assert!((SHARES.at(0.01) - f64::midpoint(LEFT, RIGHT)).abs() < 1e-9);
        assert!((SHARES.at(0.0) - LEFT).abs() < 1e-9 && (SHARES.at(9.0) - RIGHT).abs() < 1e-9);
    }

    #[test]
    fn nothing_of_a_name_is_markup() {
        let mut picture = Picture {
            body: String::new(),
            y: 0.0,
        };
        picture.text(0.0, 0.0, "text", 12, "start", "a -> b & <c>");
        assert!(picture.body.contains(">a → b &amp; &lt;c></text>"), "{}", picture.body);
    }
}
