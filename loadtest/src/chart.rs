//! A drawing of panels one below the other over one axis of time, as SVG without scripts or fonts of its own.
//!
//! It follows the reader's light or dark scheme, and tells its lines apart by dashes as well as by colour.

use std::fmt::Write as _;

/// A whole drawing.
pub(crate) struct Chart<'a> {
    pub(crate) title: String,
    /// Lines below the title.
    pub(crate) subtitle: String,
    /// The axis of time ends here, in seconds.
    pub(crate) length: f64,
    pub(crate) panels: &'a [Panel],
}

/// One panel with an axis of its own.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Written behind each value of the axis.
    pub(crate) unit: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One line.
pub(crate) struct Line {
    /// Empty when the panel's title says it all.
    pub(crate) name: String,
    /// Seconds and values.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 880.0;
/// Room for the values of the axis.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
/// Height of a panel's plot, and of what stands around it.
const PLOT: f64 = 120.0;
const AROUND: f64 = 62.0;
const TITLE: f64 = 36.0;
const LINE: f64 = 18.0;

const STYLE: &str = "\
svg{--ground:#ffffff;--ink:#1f2933;--quiet:#667380;--grid:#dfe4e9;--c0:#1f6feb;--c1:#b45309;--c2:#8250df;--c3:#1a7f37;\
font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px}\
@media (prefers-color-scheme:dark){svg{--ground:#14181d;--ink:#e4e9ee;--quiet:#98a4b0;--grid:#2d343c;--c0:#6ea8ff;--c1:#f0a04b;--c2:#c297ff;--c3:#56d364}}\
.ground{fill:var(--ground)}text{fill:var(--quiet)}.title{fill:var(--ink);font-size:18px;font-weight:600}.name{fill:var(--ink);font-weight:600}\
.value{text-anchor:end}.time{text-anchor:middle}.grid{stroke:var(--grid)}\
.line{fill:none;stroke-width:1.75;stroke-linejoin:round}\
.l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:7 3}.l2{stroke:var(--c2);stroke-dasharray:2 3}.l3{stroke:var(--c3);stroke-dasharray:9 3 2 3}";

impl Chart<'_> {
    /// Draws it.
    pub(crate) fn to_svg(&self) -> String {
        let lines: Vec<&str> = self.subtitle.lines().collect();
        let top = TITLE + LINE * count(lines.len()) + 14.0;
        let height = top + count(self.panels.len()) * (PLOT + AROUND);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-label=\"{label}\"><style>{STYLE}</style>\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\
             <text class=\"title\" x=\"16\" y=\"{TITLE}\">{label}</text>\n",
            label = escaped(&self.title),
        );
        for (number, line) in lines.iter().enumerate() {
            let y = TITLE + LINE * count(number + 1) + 4.0;
            // Writing into a string cannot fail, here and below.
            let _written = writeln!(svg, "<text x=\"16\" y=\"{y}\">{}</text>", escaped(line));
        }
        for (number, panel) in self.panels.iter().enumerate() {
            let top = top + count(number) * (PLOT + AROUND);
            self.draw(&mut svg, panel, top);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, svg: &mut String, panel: &Panel, top: f64) {
        let name = top + 16.0;
        let _written = writeln!(
            svg,
            "<text class=\"name\" x=\"16\" y=\"{name}\">{}</text>",
            escaped(&panel.title)
        );
        legend(svg, panel, name);
        let below = top + 28.0 + PLOT;
        let values = panel.lines.iter().flat_map(|line| &line.points);
        let axis = Axis::reaching(values.map(|(_, value)| *value).fold(0.0, f64::max));
        for step in 0..=axis.steps {
            let value = axis.step * count(step);
            let y = below - PLOT * value / axis.end();
            let unit = if panel.unit.is_empty() {
                String::new()
            } else {
                format!(" {}", panel.unit)
            };
            let _written = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{end}\"/><text class=\"value\" x=\"{x}\" y=\"{text:.1}\">{value}{unit}</text>",
                end = WIDTH - RIGHT,
                x = LEFT - 8.0,
                text = y + 4.0,
                value = written(value),
            );
        }
        let time = Axis::of_time(self.length);
        for step in 0..=time.steps {
            let second = time.step * count(step);
            // A load that ends a moment early has its last mark all the same.
            if second <= self.length * 1.02 {
                let _written = writeln!(
                    svg,
                    "<text class=\"time\" x=\"{x:.1}\" y=\"{y:.1}\">{second} s</text>",
                    x = self.x(second),
                    y = below + 17.0,
                    second = written(second),
                );
            }
        }
        for (number, line) in panel.lines.iter().enumerate() {
            let mut path = String::new();
            for (index, (second, value)) in line.points.iter().enumerate() {
                let pen = if index == 0 { 'M' } else { 'L' };
                let y = below - PLOT * value / axis.end();
                let _written = write!(path, "{pen}{:.1} {y:.1}", self.x(*second));
            }
            let _written = writeln!(svg, "<path class=\"line l{}\" d=\"{path}\"/>", number % 4);
        }
    }

    fn x(&self, second: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * second / self.length
    }
}

/// The names of the lines, from the right edge on, each behind a piece of its line.
fn legend(svg: &mut String, panel: &Panel, y: f64) {
    let mut end = WIDTH - RIGHT;
    for (number, line) in panel.lines.iter().enumerate().rev() {
        if line.name.is_empty() {
            continue;
        }
        // About this many units a letter at this size.
        let begin = end - 6.0 - 6.1 * count(line.name.chars().count());
        let _written = writeln!(
            svg,
            "<path class=\"line l{number}\" d=\"M{sample:.1} {middle:.1}h22\"/><text class=\"value\" x=\"{end:.1}\" y=\"{y}\">{name}</text>",
            sample = begin - 28.0,
            middle = y - 4.0,
            name = escaped(&line.name),
        );
        end = begin - 44.0;
    }
}

/// An axis from nothing up, in round steps.
struct Axis {
    step: f64,
    steps: usize,
}

impl Axis {
    /// At least as far as `most`, in three to five steps of 1, 2, 2.5 or 5 times a power of ten.
    fn reaching(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 {
            most
        } else {
            1.0
        };
        let power = 10_f64.powf((most / 4.0).log10().floor());
        let factor = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .find(|factor| factor * power * 4.0 >= most * 0.999)
            .unwrap_or(10.0);
        let step = factor * power;
        let mut steps = 1;
        while count(steps) * step < most * 0.999 {
            steps += 1;
        }
        Self { step, steps }
    }

    /// As far as these seconds, in steps as clocks have them.
    fn of_time(length: f64) -> Self {
        const STEPS: [f64; 12] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0,
        ];
        let fitting = STEPS.into_iter().find(|step| step * 8.0 >= length);
        let step = fitting.unwrap_or(3600.0);
        let mut steps = 1;
        while count(steps) * step < length {
            steps += 1;
        }
        Self { step, steps }
    }

    fn end(&self) -> f64 {
        self.step * count(self.steps)
    }
}

/// A value of an axis, as short as it is exact.
fn written(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a handful of lines, panels and steps"
)]
fn count(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_few_round_steps_and_hold_the_greatest_value() {
        for (most, step, steps) in [
            (0.0, 0.25, 4),
            (1.0, 0.25, 4),
            (7.3, 2.0, 4),
            (60.0, 20.0, 3),
            (498.0, 200.0, 3),
            (1_234.0, 500.0, 3),
        ] {
            let axis = Axis::reaching(most);

            assert!((axis.step - step).abs() < 1e-9, "{most}: {}", axis.step);
            assert_eq!(axis.steps, steps, "{most}");
        }
        assert_eq!(Axis::reaching(f64::NAN).steps, 4);
        for (length, step, steps) in [
            (0.5, 1.0, 1),
            (10.0, 2.0, 5),
            (60.0, 10.0, 6),
            (3_599.9, 600.0, 6),
        ] {
            let axis = Axis::of_time(length);

            assert!((axis.step - step).abs() < 1e-9, "{length}: {}", axis.step);
            assert_eq!(axis.steps, steps, "{length}");
        }
    }

    #[test]
    fn a_drawing_has_every_panel_and_line_and_nothing_that_is_not_text_in_it() {
        let panels = [Panel {
            title: "A & B".to_owned(),
            unit: "ms",
            lines: vec![
                Line {
                    name: "p50".to_owned(),
                    points: vec![(0.0, 0.0), (10.0, 100.0)],
                },
                Line {
                    name: "p<99".to_owned(),
                    points: vec![(0.0, 50.0)],
                },
            ],
        }];
        let chart = Chart {
            title: "T".to_owned(),
            subtitle: "one\ntwo".to_owned(),
            length: 10.0,
            panels: &panels,
        };

        let svg = chart.to_svg();

        assert!(
            svg.contains("A &amp; B") && svg.contains("p&lt;99"),
            "{svg}"
        );
        assert!(svg.contains(">100 ms<") && svg.contains(">10 s<"), "{svg}");
        // From the lower left corner of the plot to the upper right one.
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let below = TITLE + 2.0 * LINE + 14.0 + 28.0 + PLOT;
        let whole = format!("d=\"M{left:.1} {below:.1}L{right:.1} {:.1}\"", below - PLOT);
        assert!(svg.contains(&whole), "{whole}\n{svg}");
        assert_eq!(svg.matches("class=\"line").count(), 4);
    }
}
