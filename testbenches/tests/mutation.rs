//! Faults put into the Verilog on purpose: each must be found by the benches of the default run. This is the test of the
//! tests.

use rayon::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_testbenches::benches;
use seedlm_testbenches::lockstep::{Length, differs, run};
use seedlm_testbenches::machines::{small, unchanging_chained};
use seedlm_testbenches::rtl::Rtl;
use seedlm_testbenches::stimulus::Pattern;
use seedlm_verilator::Verilator;
use std::collections::BTreeSet;

/// What the lockstep tests run for each module and pattern.
const LENGTH: Length = Length {
    cycles: 2500,
    checked: 100,
};

struct Fault {
    what: &'static str,
    module: &'static str,
    from: &'static str,
    to: &'static str,
    weights: &'static str,
}

const fn fault(what: &'static str, module: &'static str, from: &'static str, to: &'static str) -> Fault {
    Fault {
        what,
        module,
        from,
        to,
        weights: "paper-4b",
    }
}

/// A fault in the machine of [`unchanging_chained`].
const fn chained_fault(what: &'static str, module: &'static str, from: &'static str, to: &'static str) -> Fault {
    Fault {
        weights: CHAINED,
        ..fault(what, module, from, to)
    }
}

/// A fault in a machine whose rows share multipliers.
const fn packed_fault(what: &'static str, module: &'static str, from: &'static str, to: &'static str) -> Fault {
    Fault {
        weights: PACKED,
        ..fault(what, module, from, to)
    }
}

/// The small machine of `chained-4b`, whose rows share multipliers. The faults name no masks.
const PACKED: &str = "packed";

/// No preset: the faults name its masks, and those of the presets are not for a test to hold.
const CHAINED: &str = "chained";

/// The machine that a fault is in.
fn machine(weights: &str) -> (WeightFormat, DatapathConfig) {
    if weights == CHAINED {
        return unchanging_chained();
    }
    let pack_products = weights == PACKED;
    let format = WeightFormat::named(if pack_products { "chained-4b" } else { weights }).unwrap();
    let config = DatapathConfig {
        pack_products,
        ..small(&format)
    };
    (format, config)
}

const LANE: &str = "seedlm_decode_lane";
const UNPACK: &str = "seedlm_unpack";
const HISTORY: &str = "seedlm_history";
const SKID: &str = "seedlm_skid";
const FIFO: &str = "seedlm_fifo_results";
const MAC: &str = "seedlm_mac";
const ACCUMULATE: &str = "seedlm_accumulate";
const SEQUENCE: &str = "seedlm_sequence";
const BUFFER: &str = "seedlm_activation_buffer";
const CONTROL: &str = "seedlm_control";
const DECODER: &str = "seedlm_decoder";
const MATVEC: &str = "seedlm_matvec";

const FAULTS: [Fault; 89] = [
    fault("a count without reset", FIFO, "count <= 2'd0;", "count <= count;"),
    fault(
        "tiles left over from before a reset",
        SEQUENCE,
        "tiles_left <= 32'd0;",
        "tiles_left <= tiles_left;",
    ),
    fault(
        "a valid bit without reset",
        LANE,
        "valid_at_3 <= 1'd0;",
        "valid_at_3 <= valid_at_3;",
    ),
    fault(
        "a wrong bit in a mask",
        LANE,
        "b16 <= seed[0] ^ seed[1] ^ seed[3] ^ seed[12];",
        "b16 <= seed[0] ^ seed[1] ^ seed[3] ^ seed[11];",
    ),
    fault(
        "a bit missing from the last mask",
        LANE,
        "b17 <= seed[1] ^ seed[2] ^ seed[4] ^ seed[13];",
        "b17 <= seed[1] ^ seed[2] ^ seed[4];",
    ),
    fault(
        "the sign of a coefficient dropped",
        LANE,
        "q_total_part <= {q0[3], q0}",
        "q_total_part <= {1'b0, q0}",
    ),
    fault(
        "the wrong coefficient",
        LANE,
        "wire [3:0] q0 = in_word[23:20];",
        "wire [3:0] q0 = in_word[27:24];",
    ),
    fault(
        "a register left out of one path",
        LANE,
        "row_0_low_edges <= ({6{b1_at_4}}",
        "row_0_low_edges <= ({6{b1_at_3}}",
    ),
    fault(
        "the middle of the range added, not subtracted",
        LANE,
        "t_times_chunk_8_part[8:3] - (b27_at_3 ?",
        "t_times_chunk_8_part[8:3] + (b27_at_3 ?",
    ),
    fault(
        "the exponent a stage early",
        LANE,
        "exponent_at_7 <= exponent_at_6;",
        "exponent_at_7 <= exponent_at_5;",
    ),
    fault(
        "a register that ignores enable",
        LANE,
        "end else if (enable) begin\n            valid_at_1",
        "end else begin\n            valid_at_1",
    ),
    fault(
        "two weights of a word swapped",
        LANE,
        "{row_7, row_6,",
        "{row_6, row_7,",
    ),
    fault(
        "a product shifted by one",
        LANE,
        "row_7 <= {{{8{row_7_low[12]}}, row_7_low[12:6]} + row_7_high",
        "row_7 <= {{{7{row_7_low[12]}}, row_7_low[12:6], 1'b0} + row_7_high",
    ),
    fault(
        "a beat taken while there is no room",
        UNPACK,
        "wire ready = (~behind_valid) & (~ending);",
        "wire ready = ~ending;",
    ),
    fault(
        "the rest of a matrix kept after flush",
        UNPACK,
        "(taken & (last | flush))",
        "(taken & last)",
    ),
    fault(
        "the next stream taken before the end of this one",
        UNPACK,
        "(ending | (accept & s_axis_tlast))",
        "ending",
    ),
    // With 36-bit words a stream can end in less than a group.
    Fault {
        weights: "paper-3b",
        ..fault(
            "a stream that ends in less than a group blocks the next",
            UNPACK,
            " | (ending & (~valid))",
            "",
        )
    },
    fault(
        "tlast on every group of an ending stream",
        UNPACK,
        "wire last = ending & (~behind_valid);",
        "wire last = ending;",
    ),
    fault(
        "a beat lost when the reader stops",
        SKID,
        "spare_valid <= (~move_on) & (spare_valid | accept);",
        "spare_valid <= (~move_on) & spare_valid;",
    ),
    fault(
        "the spare beat overtaken",
        SKID,
        "spare_valid ? spare_data : s_axis_tdata",
        "spare_valid ? s_axis_tdata : s_axis_tdata",
    ),
    fault(
        "a beat repeated",
        SKID,
        "out_valid <= spare_valid | accept;",
        "out_valid <= spare_valid | accept | out_valid;",
    ),
    fault("a word taken when full", FIFO, "count == 2'h2", "count == 2'h3"),
    fault(
        "a word repeated at the output",
        FIFO,
        "load | (out_valid & (~m_axis_tready))",
        "load | out_valid",
    ),
    fault(
        "the write pointer stands still",
        FIFO,
        "1'b0 : (write_address + 1'b1)",
        "1'b0 : write_address",
    ),
    fault(
        "the level forgets the output register",
        FIFO,
        "level = count + {1'b0, out_valid}",
        "level = count",
    ),
    fault(
        "the sign of an activation dropped",
        MAC,
        "{20{in_activations[7]}}",
        "{20{1'b0}}",
    ),
    fault(
        "the sign of a mantissa dropped",
        MAC,
        "{7{in_mantissas[167]}}",
        "{7{1'b0}}",
    ),
    fault(
        "the exponent a stage early",
        MAC,
        "<< exponent_0_at_4",
        "<< exponent_0_at_3",
    ),
    fault(
        "a product left out",
        MAC,
        "{product_2[27], product_2} + {product_3[27], product_3}",
        "{product_2[27], product_2}",
    ),
    fault(
        "first a stage early",
        MAC,
        "first_at_5 <= first_at_4;",
        "first_at_5 <= first_at_3;",
    ),
    fault(
        "the sign of a partial sum dropped",
        ACCUMULATE,
        "{5{in_sum[45]}}",
        "{5{1'b0}}",
    ),
    fault(
        "the last tile's sum kept",
        ACCUMULATE,
        "(in_first ? 51'h0 : sum)",
        "sum",
    ),
    fault(
        "a result without a last step",
        ACCUMULATE,
        "valid <= in_valid & in_last;",
        "valid <= in_last;",
    ),
    fault(
        "rows one step too long",
        SEQUENCE,
        "last_step <= steps[4:0] - 5'h1;",
        "last_step <= steps[4:0];",
    ),
    fault(
        "no wait for room for the results",
        SEQUENCE,
        "(in_flight < 2'h2)",
        "(in_flight < 2'h3)",
    ),
    fault(
        "room that never comes back",
        SEQUENCE,
        "tile_issued}) - {1'b0, tile_left}",
        "tile_issued})",
    ),
    fault(
        "no wait for activations",
        SEQUENCE,
        "wire is_loaded = {27'h0, step} < loaded;",
        "wire is_loaded = ~(loaded < {27'h0, step});",
    ),
    fault(
        "activations of the next step",
        BUFFER,
        "bank_0_words[read_address_at_6]",
        "bank_0_words[read_address_at_5]",
    ),
    fault(
        "activations that go on where a tile ends",
        BUFFER,
        "wire restart = read & read_restart;",
        "wire restart = 1'b0;",
    ),
    fault(
        "the next matrix read from the same half",
        BUFFER,
        "wire restart_half = read_half ^ read_next;",
        "wire restart_half = read_half;",
    ),
    fault(
        "a half that is read from one side, and from the other in the next tile",
        BUFFER,
        "read_half <= ~read_half;",
        "read_half <= read_half;",
    ),
    fault(
        "all matrices written to one half",
        BUFFER,
        "write_half <= ~write_half;",
        "write_half <= write_half;",
    ),
    fault(
        "a third matrix taken while both halves are held",
        BUFFER,
        "wire takes_next = (~ready) & (~held[1]);",
        "wire takes_next = ~ready;",
    ),
    fault(
        "a half free before its last steps are out",
        BUFFER,
        "held <= (held + {1'b0, start}) - {1'b0, free};",
        "held <= (held + {1'b0, start}) - {1'b0, ends};",
    ),
    fault(
        "the next matrix taken before this one's activations are complete",
        BUFFER,
        "wire takes_next = (~ready) & ",
        "wire takes_next = ",
    ),
    fault(
        "the next matrix's count taken for this one's",
        BUFFER,
        "loaded = {32{unread[1]}} | ",
        "loaded = ",
    ),
    fault(
        "strobes ignored",
        CONTROL,
        "tiles_register <= (data & mask) | (tiles_register & (~mask));",
        "tiles_register <= data;",
    ),
    fault(
        "a start while another waits",
        CONTROL,
        "wire can_start = (~full) & ",
        "wire can_start = ",
    ),
    fault(
        "a start that does not wait for the sequence",
        CONTROL,
        "run_waits <= starts | (run_waits & (~run_ready));",
        "run_waits <= starts;",
    ),
    fault(
        "a start that does not wait for the activation buffer",
        CONTROL,
        "load_waits <= starts | (load_waits & (~load_ready));",
        "load_waits <= starts;",
    ),
    fault(
        "the size of a matrix changed while it waits",
        CONTROL,
        "wire sizes_open = write & (~full);",
        "wire sizes_open = write;",
    ),
    fault(
        "room for a start while the activation buffer has not taken the one before",
        CONTROL,
        "wire full = run_waits | load_waits;",
        "wire full = run_waits;",
    ),
    fault(
        "cycles that start anew with every start",
        CONTROL,
        "begins <= starts & (~busy);",
        "begins <= starts;",
    ),
    fault(
        "products that never end",
        CONTROL,
        "{2'h0, starts}) - {2'h0, results_done}",
        "{2'h0, starts})",
    ),
    fault(
        "done not cleared by a start",
        CONTROL,
        "done <= results_done | (done & (~starts));",
        "done <= results_done | done;",
    ),
    fault(
        "an end lost to a start in the same cycle",
        CONTROL,
        "done <= results_done | (done & (~starts));",
        "done <= (results_done | done) & (~starts);",
    ),
    fault(
        "a matrix taken while groups of another are still to enter",
        SEQUENCE,
        "wire is_idle = ~is_running;",
        "wire is_idle = 1'b1;",
    ),
    fault(
        "tiles under way forgotten by the next matrix",
        SEQUENCE,
        "in_flight <= (in_flight + {1'b0, tile_issued})",
        "in_flight <= ((in_flight & {2{~start}}) + {1'b0, tile_issued})",
    ),
    fault(
        "two lanes fed with the same word",
        DECODER,
        ".in_word(unpack_m_axis_tdata[63:32])",
        ".in_word(unpack_m_axis_tdata[31:0])",
    ),
    fault(
        "tlast a group early",
        DECODER,
        "last_at_7 <= last_at_6;",
        "last_at_7 <= last_at_5;",
    ),
    fault(
        "two rows fed from the same lane",
        MATVEC,
        ".in_mantissas(lane_1_out_mantissas)",
        ".in_mantissas(lane_0_out_mantissas)",
    ),
    fault(
        "the sign of a result dropped",
        MATVEC,
        "{13{result_fifo_m_axis_tdata[50]}}",
        "{13{1'b0}}",
    ),
    fault(
        "the end of a matrix's weights ignored",
        MATVEC,
        ".s_axis_tlast(weight_fifo_m_axis_tdata[64])",
        ".s_axis_tlast(1'b0)",
    ),
    fault(
        "a half free with every last step of a tile",
        MATVEC,
        "matrix_decoded = lane_0_out_valid & group_last_at_7 & group_last_tile_at_7;",
        "matrix_decoded = lane_0_out_valid & group_last_at_7;",
    ),
    fault(
        "activations of the first matrix only",
        MATVEC,
        ".read_next(sequencer_flush)",
        ".read_next(1'b0)",
    ),
    fault(
        "the mark of the last tile a stage early",
        MATVEC,
        "sums_last_tile_at_6 <= sums_last_tile_at_5;",
        "sums_last_tile_at_6 <= sums_last_tile_at_4;",
    ),
    // Two words of a row in a group; the text is that of machines::unchanging_chained.
    chained_fault(
        "a row that goes on where the one before it ended",
        HISTORY,
        "wire clear = rst | (take & last);",
        "wire clear = rst;",
    ),
    chained_fault(
        "a history cleared by a group that is not taken",
        HISTORY,
        "wire clear = rst | (take & last);",
        "wire clear = rst | last;",
    ),
    chained_fault(
        "a history without reset",
        HISTORY,
        "wire clear = rst | (take & last);",
        "wire clear = take & last;",
    ),
    chained_fault(
        "a history of words not taken",
        HISTORY,
        "end else if (take) begin",
        "end else begin",
    ),
    chained_fault(
        "a wrong bit in a mask",
        LANE,
        "in_word[3] ^ in_word[5] ^ in_word[8] ^ in_word[11],",
        "in_word[3] ^ in_word[4] ^ in_word[8] ^ in_word[11],",
    ),
    chained_fault(
        "a bit missing from a mask",
        LANE,
        "in_word_at_1[11] ^ in_word_at_1[14] ^ in_word_at_1[15],",
        "in_word_at_1[11] ^ in_word_at_1[14],",
    ),
    chained_fault(
        "two bits of a field swapped",
        LANE,
        "{in_word[23], in_word[22], in_word[21], in_word[20]}",
        "{in_word[23], in_word[21], in_word[22], in_word[20]}",
    ),
    chained_fault(
        "a field shifted by one",
        LANE,
        "{1'b1, weight_5_field_1}",
        "{weight_5_field_1, 1'b1}",
    ),
    chained_fault(
        "half of the offset left out",
        LANE,
        "{1'b1, weight_2_field_1}",
        "{1'b0, weight_2_field_1}",
    ),
    chained_fault(
        "one of the offset left out",
        LANE,
        "weight_6_sum_of_2} - (~{{2{weight_6_field_2_centred[3]}}, weight_6_field_2_centred})",
        "weight_6_sum_of_2} + {{2{weight_6_field_2_centred[3]}}, weight_6_field_2_centred}",
    ),
    chained_fault(
        "the sign of a field dropped",
        LANE,
        "{{2{weight_1_field_2_centred[3]}}, ",
        "{2'b00, ",
    ),
    chained_fault(
        "a field read a stage early",
        LANE,
        "in_word_at_1[0] ^ in_word_at_1[3] ^ in_word_at_1[10]",
        "in_word[0] ^ in_word[3] ^ in_word[10]",
    ),
    chained_fault(
        "the history of another row",
        DECODER,
        ".in_word({unpack_m_axis_tdata[95:64], history_1_out_history})",
        ".in_word({unpack_m_axis_tdata[95:64], history_0_out_history})",
    ),
    chained_fault(
        "the end of another lane's word",
        DECODER,
        ".in_word({unpack_m_axis_tdata[127:96], unpack_m_axis_tdata[95:88]})",
        ".in_word({unpack_m_axis_tdata[127:96], unpack_m_axis_tdata[63:56]})",
    ),
    chained_fault(
        "a history that moves while the lanes stand",
        DECODER,
        "wire take = unpack_m_axis_tvalid & slice_s_axis_tready;",
        "wire take = unpack_m_axis_tvalid;",
    ),
    chained_fault(
        "the history of the first word of a row, not the last",
        MATVEC,
        ".in_end(unpack_m_axis_tdata[63:56])",
        ".in_end(unpack_m_axis_tdata[31:24])",
    ),
    chained_fault(
        "rows that end with the first group, not the last",
        MATVEC,
        ".last(sequencer_last),\n        .in_end(unpack_m_axis_tdata[127:120])",
        ".last(sequencer_first),\n        .in_end(unpack_m_axis_tdata[127:120])",
    ),
    chained_fault(
        "rows that end only with the matrix",
        MATVEC,
        ".last(sequencer_last),\n        .in_end(unpack_m_axis_tdata[63:56])",
        ".last(sequencer_flush),\n        .in_end(unpack_m_axis_tdata[63:56])",
    ),
    packed_fault("no offset below the upper row's sum", MAC, "31'h10000", "31'h0"),
    packed_fault("the offset left in the lower row's sum", MAC, "~sums[16]", "sums[16]"),
    packed_fault(
        "the sign of the lower row's weight dropped",
        MAC,
        "{{18{in_mantissas[6]}}, in_mantissas[6:0]}",
        "{18'h0, in_mantissas[6:0]}",
    ),
    packed_fault(
        "an activation a stage ahead of its weights",
        MAC,
        "in_activations_at_1[7:0]}",
        "in_activations[7:0]}",
    ),
    packed_fault(
        "the sum of the other row",
        MATVEC,
        ".in_sum(mac_0_out_sum[16:0])",
        ".in_sum(mac_0_out_sum[33:17])",
    ),
];

/// What is found below are the faults: without them no bench finds anything.
#[test]
fn without_a_fault_nothing_is_found() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let cases: BTreeSet<(&str, &str)> = FAULTS.iter().map(|fault| (fault.module, fault.weights)).collect();
    cases.into_par_iter().for_each(|(module, weights)| {
        let (format, config) = machine(weights);
        let rtl = Rtl::generate(&config, &format).unwrap();
        let make = benches::bench(module);
        for pattern in Pattern::ALL {
            if let Some(mismatch) = differs(&|| make(&config, &format), &rtl, &verilator, pattern, LENGTH) {
                panic!("{weights}: {mismatch}");
            }
        }
    });
}

#[test]
fn every_fault_is_found() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let missed: Vec<String> = FAULTS
        .par_iter()
        .filter_map(|fault| {
            let (format, config) = machine(fault.weights);
            let mut faulty = Rtl::generate(&config, &format).unwrap();
            faulty.replace(fault.module, fault.from, fault.to);
            let make = benches::bench(fault.module);
            let found = Pattern::ALL
                .iter()
                .find_map(|&pattern| differs(&|| make(&config, &format), &faulty, &verilator, pattern, LENGTH));
            match found {
                Some(mismatch) => {
                    println!("found: {}: {mismatch}", fault.what);
                    None
                }
                None => Some(format!("{}: {}", fault.module, fault.what)),
            }
        })
        .collect();
    println!("{} of {} faults found", FAULTS.len() - missed.len(), FAULTS.len());
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

/// What a difference says: module, pattern, cycle, port, both values, and where the waves of the last cycles are.
#[test]
fn a_difference_is_named_and_comes_with_waves() {
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let format = WeightFormat::named("paper-4b").unwrap();
    let config = small(&format);
    let mut rtl = Rtl::generate(&config, &format).unwrap();
    rtl.replace(SEQUENCE, "(in_flight < 2'h2)", "(in_flight < 2'h3)");
    let make = benches::bench(SEQUENCE);
    let outcome = run(&|| make(&config, &format), &rtl, &verilator, Pattern::Both, LENGTH);
    let mismatch = outcome.expect_err("the fault is found");
    let text = mismatch.to_string();
    for part in [
        "seedlm_sequence, Both, cycle ",
        "port group_ready: expected 00, got 01",
        "waves of the last cycles: ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let path = mismatch.waves.as_ref().expect("waves were written");
    let waves = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let edges = waves.lines().filter(|line| line.starts_with('#')).count() as u64;
    assert!(
        waves.contains("group_ready") && edges <= 2 * 66,
        "{edges} points in time"
    );
    assert!(edges >= 2 * mismatch.cycle.min(60), "{edges} points in time");
}
