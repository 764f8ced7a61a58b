//! The figures of a table as a bar chart in SVG, to be read on a light and on a dark page.

use std::fmt::Write as _;

use crate::table::whole;

/// Of a letter, in pixels: wider than most, so that no label is cut off.
const LETTER: f64 = 7.8;
const FONT: u32 = 13;
const WIDTH: f64 = 900.0;
const MARGIN: f64 = 16.0;
/// Between a bar and its text.
const GAP: f64 = 8.0;
const BAR: f64 = 13.0;
/// From one group of bars to the next.
const BETWEEN: f64 = 12.0;
/// The title, and the legend below it.
const HEAD: f64 = 64.0;

/// Horizontal bars, in groups: one group for each row of a table.
pub struct Chart {
    title: String,
    /// What the bars of a group are, the first one first.
    series: Vec<&'static str>,
    unit: &'static str,
    groups: Vec<Group>,
}

struct Group {
    label: String,
    values: Vec<f64>,
    is_ours: bool,
}

impl Chart {
    pub fn new(title: &str, series: &[&'static str], unit: &'static str) -> Self {
        Self { title: title.to_owned(), series: series.to_vec(), unit, groups: Vec::new() }
    }

    /// One value for each series.
    pub fn group(&mut self, label: String, values: Vec<f64>, is_ours: bool) {
        assert_eq!(values.len(), self.series.len(), "every group has every bar");
        self.groups.push(Group { label, values, is_ours });
    }

    pub fn svg(&self) -> String {
        let bars = f64::from(u32::try_from(self.series.len()).expect("a few bars"));
        let label_width = self.groups.iter().map(|group| width_of(&group.label)).fold(0.0, f64::max);
        let values = || self.groups.iter().flat_map(|group| &group.values).copied();
        let most = values().fold(f64::MIN_POSITIVE, f64::max);
        let value_width = values().map(|value| width_of(&self.text_of(value))).fold(0.0, f64::max);
        let left = MARGIN + label_width + GAP;
        let width = WIDTH.max(2.0f64.mul_add(left + GAP + value_width, MARGIN)).max(self.head_width());
        let length_of_most = width - left - GAP - value_width - MARGIN;
        let step = bars.mul_add(BAR, BETWEEN);
        let height = self.groups.iter().fold(HEAD + MARGIN, |height, _| height + step);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\" font-family=\"system-ui, sans-serif\" font-size=\"{FONT}\">\n{STYLE}",
            escaped(&self.title)
        );
        let mut line = |text: std::fmt::Arguments<'_>| {
            svg.write_fmt(text).expect("a text takes all");
            svg.push('\n');
        };
        line(format_args!("<text class=\"title\" x=\"{MARGIN}\" y=\"26\">{}</text>", escaped(&self.title)));
        let mut x = MARGIN;
        for (number, name) in self.series.iter().enumerate() {
            line(format_args!(
                "<rect class=\"bar s{number}\" x=\"{x:.1}\" y=\"40\" width=\"{BAR}\" height=\"{BAR}\"/>"
            ));
            line(format_args!("<text x=\"{:.1}\" y=\"51\">{}</text>", x + BAR + GAP, escaped(name)));
            x += BAR + 3.0 * GAP + width_of(name);
        }
        let mut top = HEAD;
        for Group { label, values, is_ours } in &self.groups {
            let middle = bars.mul_add(BAR / 2.0, top) + 4.5;
            let ours = if *is_ours { " ours" } else { "" };
            line(format_args!(
                "<text class=\"label{ours}\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
                left - GAP,
                escaped(label)
            ));
            let mut y = top;
            for (number, value) in values.iter().enumerate() {
                let length = (value / most * length_of_most).max(1.0);
                line(format_args!(
                    "<rect class=\"bar s{number}{ours}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{:.1}\"/>",
                    BAR - 1.0
                ));
                line(format_args!(
                    "<text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    left + length + GAP,
                    y + BAR - 2.5,
                    escaped(&self.text_of(*value))
                ));
                y += BAR;
            }
            top += step;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn text_of(&self, value: f64) -> String {
        let text = if value < 100.0 { format!("{value:.1}") } else { whole(value) };
        format!("{text} {}", self.unit)
    }

    /// What the title and the legend take.
    fn head_width(&self) -> f64 {
        let legend: f64 = self.series.iter().map(|name| BAR + 3.0 * GAP + width_of(name)).sum();
        // The title is bold.
        legend.max(width_of(&self.title) * 1.2) + 2.0 * MARGIN
    }
}

/// Without a background. Where nothing says whether the page is dark, the colours are such that they can be read on both.
const STYLE: &str = "<style>
text { fill: #7d8590; }
.title { font-size: 15px; font-weight: 600; }
.label.ours { font-weight: 600; }
.bar { fill: #8c959f; }
.bar.s1 { fill: #b6bec7; }
.bar.ours { fill: #1f7ae0; }
.bar.s1.ours { fill: #7db4f0; }
@media (prefers-color-scheme: light) { text { fill: #3d444d; } }
@media (prefers-color-scheme: dark) { text { fill: #d1d7e0; } .bar.s1 { fill: #5d666f; } .bar.s1.ours { fill: #2a5a96; } }
</style>
";

fn width_of(text: &str) -> f64 {
    text.chars().map(|_| LETTER).sum()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let mut chart = Chart::new("One RS256 token through the whole layer", &["the same again", "first use"], "µs");
        for (label, values, is_ours) in [
            ("signature verification only, aws-lc-rs", [12.4, 12.4], false),
            ("tower-bearer 0.1.0, aws-lc-rs", [0.7, 15.5], true),
            ("tower-bearer 0.1.0, token cache off, aws-lc-rs", [14.4, 14.6], true),
            ("tower-oauth2-resource-server 0.12.5, RustCrypto", [128.7, 126.0], false),
            ("a & b <c> \"d\"", [0.0, 1234.5], false),
        ] {
            chart.group(label.to_owned(), values.to_vec(), is_ours);
        }
        chart
    }

    /// The value of an attribute of an element.
    fn attribute(element: &str, name: &str) -> f64 {
        let (_, rest) = element.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name}: {element}"));
        rest.split_once('"').unwrap().0.parse().unwrap()
    }

    #[test]
    fn all_texts_and_bars_are_within_the_picture() {
        let mut wide = chart();
        wide.group("x".repeat(120), vec![5.0, 6.0], false);
        for svg in [chart().svg(), wide.svg()] {
            let (width, height) = (attribute(&svg, "width"), attribute(&svg, "height"));
            let mut texts = 0;
            for line in svg.lines().filter(|line| line.starts_with("<text")) {
                texts += 1;
                let text = line.split_once('>').unwrap().1.strip_suffix("</text>").unwrap();
                let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
                let (x, length) = (attribute(line, "x"), width_of(&text));
                let (from, to) = if line.contains("\"end\"") { (x - length, x) } else { (x, x + length) };
                assert!(from >= 0.0 && to <= width && attribute(line, "y") <= height, "{line} of {width}");
            }
            assert!(texts >= 3 + 3 * 5);
            for line in svg.lines().filter(|line| line.starts_with("<rect")) {
                assert!(attribute(line, "width") >= 1.0, "{line}");
                assert!(attribute(line, "x") + attribute(line, "width") <= width, "{line}");
                assert!(attribute(line, "y") + attribute(line, "height") <= height, "{line}");
            }
        }
    }

    #[test]
    fn bars_are_as_long_as_their_values_and_say_them() {
        let svg = chart().svg();
        let lengths: Vec<_> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && !line.contains("y=\"40\""))
            .map(|line| attribute(line, "width"))
            .collect();
        assert_eq!(lengths.len(), 10);
        assert!((lengths[0] / lengths[9] - 12.4 / 1234.5).abs() < 0.001);
        for text in [">0.7 µs<", ">129 µs<", ">1,234 µs<", ">a &amp; b &lt;c&gt; &quot;d&quot;<", ">first use<"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
