//! Rules of links that modules keep for ever, proved by induction: offers stay until they are taken, and buffers lose,
//! repeat and reorder nothing.

#[path = "properties/rules.rs"]
mod rules;
mod tools;
#[path = "tools/yosys.rs"]
mod yosys;

use rules::{Link, Rules, is_refuted, proves};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_testbenches::machines;
use seedlm_testbenches::nightly::is_nightly;
use seedlm_testbenches::rtl::Rtl;

/// A reference machine with its name.
fn reference(name: &str) -> (String, DatapathConfig, WeightFormat) {
    let format = WeightFormat::named(name).expect("presets have names");
    (name.to_string(), DatapathConfig::reference(&format), format)
}

/// The reference machine of `paper-4b`, and machines of other shapes: groups wider and narrower than a beat, buffers of one
/// entry, words that straddle beats. In the nightly form all reference machines, and more shapes.
fn all_machines() -> Vec<(String, DatapathConfig, WeightFormat)> {
    let mut all = vec![reference("paper-4b")];
    if is_nightly() {
        all.extend(["chained-4b", "paper-3b", "fp16", "chained-3b", "chained-2b"].map(reference));
    }
    let others = machines::others().into_iter().enumerate();
    let others = others.filter(|(number, _)| is_nightly() || [2, 3, 13].contains(number));
    all.extend(others.map(|(number, (format, config))| (format!("machine-{number}"), config, format)));
    all
}

fn rtl((_, config, format): &(String, DatapathConfig, WeightFormat)) -> Rtl {
    Rtl::generate(config, format).expect("a machine that can be built")
}

/// The rules of a FIFO. Its words go through as wholes; the bits looked at are the first and the last.
fn fifo(rtl: &Rtl, module: &'static str, last: bool) -> Rules {
    let depth = rules::parameter(rtl, module, "DEPTH");
    let bit = if last {
        rules::parameter(rtl, module, "WIDTH") - 1
    } else {
        0
    };
    let mut fifo = buffer(rtl, module, bit).naming(&["count", "write_address", "read_address", "out_valid"]);
    let address_bits = (usize::BITS - (depth - 1).leading_zeros()).max(1);
    fifo = fifo
        .with_constant("DEPTH", depth)
        .with_constant("ADDRESS_BITS", address_bits as usize);
    fifo.naming_memory("words", depth).with_file("fifo_rules.v")
}

fn skid(rtl: &Rtl, last: bool) -> Rules {
    let bit = if last {
        rules::parameter(rtl, "seedlm_skid", "WIDTH") - 1
    } else {
        0
    };
    let skid = buffer(rtl, "seedlm_skid", bit).naming(&["out_valid", "spare_valid", "spare_data"]);
    skid.with_file("skid_rules.v")
}

/// Data go through the buffer unseen. That offers to it stay need not be assumed.
fn buffer(rtl: &Rtl, module: &'static str, bit: usize) -> Rules {
    let rules = Rules::of(rtl, module).with_constant("BIT", bit);
    let rules =
        rules.with_text("wire arrives = s_axis_tvalid && s_axis_tready, leaves = m_axis_tvalid && m_axis_tready;\n");
    rules.offering(&Link::stream("m_axis", &["tdata"]))
}

#[test]
fn buffers_lose_repeat_and_reorder_nothing() {
    for machine in all_machines() {
        let rtl = rtl(&machine);
        let ends: &[bool] = if is_nightly() { &[false, true] } else { &[true] };
        for &last in ends {
            for module in ["seedlm_fifo_weights", "seedlm_fifo_results"] {
                proves(&machine.0, &fifo(&rtl, module, last));
            }
            proves(&machine.0, &skid(&rtl, last));
        }
    }
}

fn unpack(rtl: &Rtl) -> Rules {
    let rules = Rules::of(rtl, "seedlm_unpack").taking(&Link::stream("s_axis", &["tdata", "tlast"]));
    let rules = rules.offering(&Link::stream("m_axis", &["tdata", "tlast"]));
    if !rtl.has_text("seedlm_unpack", " fill;") {
        return rules;
    }
    let unit = rules::parameter(rtl, "seedlm_unpack", "UNIT_BITS");
    let capacity = rules::parameter(rtl, "seedlm_unpack", "CAPACITY_BITS") / unit;
    let text = format!("always @(posedge clk) if (!first) assert(fill <= {capacity});\n");
    rules.naming(&["fill"]).with_text(&text)
}

#[test]
fn groups_of_the_gearbox_stay_until_they_are_taken() {
    for machine in all_machines() {
        proves(&machine.0, &unpack(&rtl(&machine)));
    }
}

/// Whatever the lanes and the multipliers do: they are left out, so that their outputs are anything.
fn decoder(rtl: &Rtl) -> Rules {
    let payload: &[&str] = match rtl.has_text("seedlm_decoder", " m_axis_tuser,") {
        true => &["tdata", "tuser", "tlast"],
        false => &["tdata", "tlast"],
    };
    let rules = Rules::of(rtl, "seedlm_decoder").without(&["seedlm_decode_lane", "seedlm_history", "seedlm_unpack"]);
    rules.offering(&Link::stream("m_axis", payload))
}

fn matvec(rtl: &Rtl) -> Rules {
    let left_out = [
        "seedlm_decode_lane",
        "seedlm_history",
        "seedlm_mac",
        "seedlm_accumulate",
        "seedlm_unpack",
    ];
    let rules = Rules::of(rtl, "seedlm_matvec").without(&left_out);
    let rules = rules.without(&[
        "seedlm_activation_buffer",
        "seedlm_fifo_weights",
        "seedlm_control",
        "seedlm_sequence",
    ]);
    rules.offering(&Link::stream("m_axis", &["tdata", "tlast"]))
}

#[test]
fn offers_of_both_tops_stay_until_they_are_taken() {
    for machine in all_machines() {
        let rtl = rtl(&machine);
        proves(&machine.0, &decoder(&rtl));
        proves(&machine.0, &matvec(&rtl));
    }
}

/// Both of its response channels, and what it tells the sequence and the activation buffer.
fn control(rtl: &Rtl) -> Rules {
    let mut rules = Rules::of(rtl, "seedlm_control").naming(&["have_address", "have_data"]);
    for (channel, payload) in [("aw", "awaddr"), ("ar", "araddr")] {
        rules = rules.taking(&Link::new(
            &format!("s_axil_{channel}"),
            &[&format!("s_axil_{payload}")],
        ));
    }
    rules = rules.taking(&Link::new("s_axil_w", &["s_axil_wdata", "s_axil_wstrb"]));
    rules = rules.offering(&Link::new("s_axil_b", &["s_axil_bresp"]));
    rules = rules.offering(&Link::new("s_axil_r", &["s_axil_rdata", "s_axil_rresp"]));
    rules = rules.offering(&Link::new("run_", &["tiles", "steps"]));
    rules = rules.offering(&Link::new("load_", &["tiles", "steps"]));
    rules.with_file("control_rules.v")
}

#[test]
fn registers_answer_each_request_once() {
    for name in ["paper-4b", "chained-4b"] {
        let machine = reference(name);
        proves(name, &control(&rtl(&machine)));
    }
}

/// Proofs that nothing can fail are none.
#[test]
fn faults_are_refuted() {
    let machine = reference("paper-4b");
    let narrow = machines::others().swap_remove(2);
    let narrow = ("narrow".to_string(), narrow.1, narrow.0);
    type Make = fn(&Rtl) -> Rules;
    let weights: Make = |rtl| fifo(rtl, "seedlm_fifo_weights", false);
    let skid: Make = |rtl| skid(rtl, true);
    let cases: [(_, _, _, _, Make); 10] = [
        (
            &narrow,
            "seedlm_fifo_weights",
            "not_full = ~(count ==",
            "not_full = ~(write_address ==",
            weights,
        ),
        (
            &narrow,
            "seedlm_fifo_weights",
            "level = count +",
            "level = count -",
            weights,
        ),
        (
            &narrow,
            "seedlm_fifo_weights",
            "words[read_address]",
            "words[read_address ^ 1'b1]",
            weights,
        ),
        (
            &narrow,
            "seedlm_skid",
            "spare_valid ? spare_data : s_axis_tdata",
            "s_axis_tvalid ? s_axis_tdata : spare_data",
            skid,
        ),
        (
            &narrow,
            "seedlm_skid",
            "(~out_valid) | m_axis_tready",
            "m_axis_tready | (~spare_valid)",
            skid,
        ),
        (
            &narrow,
            "seedlm_unpack",
            "last = ending & completed",
            "last = ending",
            unpack,
        ),
        (
            &machine,
            "seedlm_decoder",
            ".m_axis_tready(m_axis_tready)",
            ".m_axis_tready(1'b1)",
            decoder,
        ),
        (
            &machine,
            "seedlm_matvec",
            "beat_taken = result_fifo_m_axis_tvalid & m_axis_tready",
            "beat_taken = result_fifo_m_axis_tvalid",
            matvec,
        ),
        (
            &machine,
            "seedlm_control",
            "rvalid <= read | (rvalid & (~s_axil_rready))",
            "rvalid <= read",
            control,
        ),
        (
            &machine,
            "seedlm_control",
            "write | (bvalid & (~answered))",
            "write | bvalid",
            control,
        ),
    ];
    for (machine, module, from, to, make) in cases {
        let mut wrong = rtl(machine);
        wrong.replace(module, from, to);
        is_refuted(&machine.0, &make(&wrong));
    }
}
