// What a built model offers to Rust. library.rs declares the same functions.
// Compiled in one piece with the files that Verilator writes; DESIGN_HAS_WAVES is 0 or 1.
#include "Design.h"

#include <mutex>
#if DESIGN_HAS_WAVES
#include "verilated_vcd_c.h"
#endif

namespace {

// Only waves and $time show it: one cycle is ten units.
constexpr uint64_t half_cycle = 5;

// Hardware without a reset starts with anything at all. Zeros would hide that something relies on them; the same garbage
// in every run shows it, and shows it again.
constexpr int start_with_random_values = 2;
constexpr int seed = 0x5eed;

struct Instance {
    // Each model has a context of its own, or several in one process would share time and settings.
    VerilatedContext context;
    Design* design = nullptr;
#if DESIGN_HAS_WAVES
    VerilatedVcdC* waves = nullptr;
#endif

    void dump() {
#if DESIGN_HAS_WAVES
        if (waves) waves->dump(context.time());
#endif
    }

    void close_waves() {
#if DESIGN_HAS_WAVES
        if (!waves) return;
        // The state after the last cycle is not in the file yet.
        dump();
        waves->close();
        delete waves;
        waves = nullptr;
#endif
    }
};

}  // namespace

extern "C" {

const char* seedlm_ports() {
    return
#include "port_list.inc"
        ;
}

Instance* seedlm_new() {
    // A seed that is set makes Verilator 5.006 start its random numbers anew in all threads, in the middle of a model too.
    static std::mutex one_at_a_time;
    const std::lock_guard<std::mutex> lock{one_at_a_time};
    Instance* instance = new Instance;
    // Verilator wants to know all this before the model is made.
    instance->context.traceEverOn(DESIGN_HAS_WAVES);
    instance->context.randReset(start_with_random_values);
    instance->context.randSeed(seed);
    // Without a name, the two Verilators give signals different places in waves.
    instance->design = new Design{&instance->context, "TOP"};
    return instance;
}

void seedlm_delete(Instance* instance) {
    instance->close_waves();
    instance->design->final();
    delete instance->design;
    delete instance;
}

// The address of a port's value, and its size, so that Rust can check that both sides mean the same.
void* seedlm_port(Instance* instance, uint32_t index, size_t* size) {
    switch (index) {
#define PORT(number, name) \
    case number: *size = sizeof(instance->design->name); return &instance->design->name;
#include "port_addresses.inc"
#undef PORT
    default: *size = 0; return nullptr;
    }
}

void seedlm_eval(Instance* instance) { instance->design->eval(); }

// Expects inputs that have been evaluated while the clock was 0.
void seedlm_posedge(Instance* instance, uint8_t* clock) {
    instance->dump();
    instance->context.timeInc(half_cycle);
    *clock = 1;
    instance->design->eval();
    instance->dump();
    instance->context.timeInc(half_cycle);
    *clock = 0;
    instance->design->eval();
}

bool seedlm_has_waves() { return DESIGN_HAS_WAVES; }

bool seedlm_open_waves(Instance* instance, const char* path) {
#if DESIGN_HAS_WAVES
    instance->close_waves();
    instance->waves = new VerilatedVcdC;
    instance->design->trace(instance->waves, 99);
    instance->waves->open(path);
    if (instance->waves->isOpen()) return true;
    delete instance->waves;
    instance->waves = nullptr;
#endif
    return false;
}

void seedlm_close_waves(Instance* instance) { instance->close_waves(); }

}  // extern "C"
