//! A module with rules around it, as yosys reads them.

use super::tools::{root, work_folder};
use super::yosys::run_script;
use seedlm_testbenches::nightly::is_nightly;
use seedlm_testbenches::rtl::Rtl;
use std::fs;

/// A link by the names of its signals.
pub struct Link {
    name: String,
    valid: String,
    ready: String,
    payload: Vec<String>,
}

impl Link {
    /// A link whose valid and ready begin with the same letters.
    pub fn new(prefix: &str, payload: &[&str]) -> Self {
        Link {
            name: prefix.trim_end_matches('_').to_string(),
            valid: format!("{prefix}valid"),
            ready: format!("{prefix}ready"),
            payload: payload.iter().map(|signal| signal.to_string()).collect(),
        }
    }

    /// An AXI4-Stream link.
    pub fn stream(prefix: &str, payload: &[&str]) -> Self {
        let payload = payload.iter().map(|signal| format!("{prefix}_{signal}"));
        Link {
            payload: payload.collect(),
            ..Link::new(&format!("{prefix}_t"), &[])
        }
    }
}

/// How many bits of a wide signal are looked at: the first, the last, and those evenly spread between. All bits of a word
/// are moved in the same way; in the nightly form all are looked at.
const BITS_LOOKED_AT: usize = 3;

/// A module with what it must keep.
pub struct Rules {
    module: &'static str,
    design: String,
    /// Direction, width and name.
    ports: Vec<(String, usize, String)>,
    inner: Vec<String>,
    memories: Vec<(String, usize)>,
    left_out: Vec<&'static str>,
    constants: String,
    text: String,
}

/// A parameter that a module was generated with.
pub fn parameter(rtl: &Rtl, module: &str, name: &str) -> usize {
    let text = rtl.text(module);
    let start = format!("localparam {name} = ");
    let from = text.find(&start).unwrap_or_else(|| panic!("{module} has no {name}")) + start.len();
    let digits = text[from..].split(';').next().expect("a statement ends");
    digits.parse().expect("a number")
}

/// Direction, width and name of what a line declares.
fn port(line: &str) -> Option<(String, usize, String)> {
    let line = line.strip_prefix("    ")?;
    let (direction, rest) = line.split_once(' ')?;
    let rest = rest.trim_start().strip_prefix("wire ")?.trim_end_matches(',');
    let (width, name) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (high, name) = rest.split_once(":0] ")?;
            (high.parse::<usize>().ok()? + 1, name)
        }
        None => (1, rest),
    };
    ["input", "output"]
        .contains(&direction)
        .then(|| (direction.to_string(), width, name.to_string()))
}

impl Rules {
    /// A module of a machine, so far without rules.
    pub fn of(rtl: &Rtl, module: &'static str) -> Self {
        let sources = rtl.design(module).sources;
        Rules {
            module,
            design: sources.into_iter().map(|(_, text)| text).collect(),
            ports: rtl
                .text(module)
                .lines()
                .take_while(|line| *line != ");")
                .filter_map(port)
                .collect(),
            inner: Vec::new(),
            memories: Vec::new(),
            left_out: Vec::new(),
            constants: String::new(),
            text: String::new(),
        }
    }

    /// Lets the rules name registers of the module.
    pub fn naming(mut self, registers: &[&str]) -> Self {
        self.inner.extend(registers.iter().map(|register| register.to_string()));
        self
    }

    /// Lets the rules name bit BIT of every word of a memory as `column`.
    pub fn naming_memory(mut self, memory: &str, depth: usize) -> Self {
        self.memories.push((memory.to_string(), depth));
        self
    }

    /// Leaves out what is in these modules: their outputs may be anything in any cycle.
    pub fn without(mut self, modules: &[&'static str]) -> Self {
        self.left_out.extend(modules);
        self
    }

    /// Adds a constant.
    pub fn with_constant(mut self, name: &str, value: usize) -> Self {
        self.constants += &format!("localparam {name} = {value};\n");
        self
    }

    /// Adds rules.
    pub fn with_text(mut self, text: &str) -> Self {
        self.text += text;
        self
    }

    /// Adds the rules of a file of testbenches/formal.
    pub fn with_file(self, name: &str) -> Self {
        let path = root().join("testbenches/formal").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.with_text(&text)
    }

    /// Adds what the module must keep: what it offers stays, unchanged, until it is taken.
    pub fn offering(self, link: &Link) -> Self {
        self.with_link(link, "assert")
    }

    /// Adds what its neighbour is assumed to keep.
    pub fn taking(self, link: &Link) -> Self {
        self.with_link(link, "assume")
    }

    fn with_link(mut self, link: &Link, statement: &str) -> Self {
        let Link {
            name,
            valid,
            ready,
            payload,
        } = link;
        let mut looked_at = Vec::new();
        for signal in payload {
            let width = self.width(signal);
            let count = if is_nightly() { width } else { width.min(BITS_LOOKED_AT) };
            let places = (0..count).map(|number| number * (width - 1) / count.saturating_sub(1).max(1));
            match width {
                1 => looked_at.push(signal.clone()),
                _ => looked_at.extend(places.map(|place| format!("{signal}[{place}]"))),
            }
        }
        let top = looked_at.len() - 1;
        let payload = looked_at.join(", ");
        self.text += &format!(
            "reg {name}_waits;\nreg [{top}:0] {name}_offered;\nwire [{top}:0] {name}_offers = {{{payload}}};\n\
             always @(posedge clk) begin\n    {name}_waits <= !rst && {valid} && !{ready};\n    \
             {name}_offered <= {name}_offers;\n    \
             if (!first && {name}_waits) {statement}({valid} && {name}_offers == {name}_offered);\nend\n"
        );
        self
    }

    fn width(&self, signal: &str) -> usize {
        let port = self.ports.iter().find(|(_, _, name)| name == signal);
        port.unwrap_or_else(|| panic!("{} has no port {signal}", self.module)).1
    }

    /// Width of an inner register, from its declaration.
    fn inner_width(&self, register: &str) -> usize {
        let ends = format!(" {register};");
        let lines = self.design.lines().map(str::trim);
        let line = lines
            .filter(|line| line.starts_with("reg "))
            .find(|line| line.ends_with(&ends));
        let line = line.unwrap_or_else(|| panic!("{} has no register {register}", self.module));
        let high = line.strip_prefix("reg [").and_then(|rest| rest.split_once(":0]"));
        high.map_or(1, |(high, _)| high.parse::<usize>().expect("a number") + 1)
    }

    fn top(&self) -> String {
        let mut ports = String::from("input wire mark");
        let mut wires = String::new();
        let mut connections = Vec::new();
        for (direction, width, name) in &self.ports {
            match direction.as_str() {
                "input" => ports += &format!(",\n    input wire [{}:0] {name}", width - 1),
                _ => wires += &format!("wire [{}:0] {name};\n", width - 1),
            }
            connections.push(format!(".{name}({name})"));
        }
        for register in &self.inner {
            wires += &format!("wire [{}:0] {register};\n", self.inner_width(register) - 1);
            connections.push(format!(".{register}({register})"));
        }
        for (memory, depth) in &self.memories {
            let width = self.width("s_axis_tdata");
            wires += &format!("wire [{}:0] column;\n", depth - 1);
            for word in 0..*depth {
                wires += &format!(
                    "wire [{}:0] {memory}_{word};\nassign column[{word}] = {memory}_{word}[BIT];\n",
                    width - 1
                );
                connections.push(format!(".\\{memory}[{word}] ({memory}_{word})"));
            }
        }
        format!(
            "module rules (\n    {ports}\n);\n{}{wires}{} dut (\n    {}\n);\n\
             // The first cycle is one of reset; later ones may be.\nreg first = 1;\nalways @(posedge clk) begin\n    \
             first <= 0;\n    if (first) assume(rst);\nend\n{}endmodule\n",
            self.constants,
            self.module,
            connections.join(",\n    "),
            self.text
        )
    }

    /// Tries the proof in a folder: whether it went through, and what yosys printed.
    fn prove(&self, name: &str, proof: &str) -> (bool, String) {
        let folder = work_folder(&format!("properties-{name}-{}", self.module));
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("the file can be written");
        write("design.v", &self.design);
        write("rules.v", &self.top());
        let mut script = String::from("read_verilog design.v\n");
        for module in &self.left_out {
            if self.design.contains(&format!("module {module} ")) {
                script += &format!("blackbox {module}\n");
            }
        }
        script += &format!(
            "hierarchy -check -top {}\nproc\nflatten\ncutpoint -blackbox\nmemory -nordff\nopt_clean\n",
            self.module
        );
        let memories = self.memories.iter();
        let words = memories.flat_map(|(memory, depth)| (0..*depth).map(move |word| format!("{memory}[{word}]")));
        for signal in self.inner.iter().cloned().chain(words) {
            script += &format!("select -assert-count 1 w:{signal}\nexpose w:{signal}\n");
        }
        write("design.ys", &script);
        write(
            "prove.ys",
            &format!("sat -verify {proof} -prove-asserts -set-assumes -seq 1 rules\n"),
        );
        run_script("rules.ys", &folder)
    }
}

/// Proves the rules.
///
/// # Panics
/// When they are not proved.
pub fn proves(name: &str, rules: &Rules) {
    let (proved, text) = rules.prove(name, "-tempinduct -maxsteps 2");
    let all = proved && text.contains("Induction step proven: SUCCESS!");
    assert!(all, "{name}, {}:\n{}", rules.module, end(&text));
}

/// Sees that the rules do not hold: there is a run from reset in which one is broken.
///
/// # Panics
/// When there is none of a few cycles.
pub fn is_refuted(name: &str, rules: &Rules) {
    let (proved, text) = rules.prove(
        &format!("wrong-{name}"),
        "-tempinduct -tempinduct-baseonly -maxsteps 10",
    );
    let refuted = !proved && text.contains("model found for base case: FAIL!");
    assert!(refuted, "{name}, {}:\n{}", rules.module, end(&text));
}

/// The last part of what yosys prints.
fn end(text: &str) -> &str {
    let from = text.len().saturating_sub(4000);
    text.get(from..).unwrap_or(text)
}
