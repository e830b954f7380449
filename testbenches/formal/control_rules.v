// Rules of an AXI4-Lite slave beside those of its channels: one answer for each request, and none before it.

reg [7:0] addresses, data_words, answers, reads, values;
reg both_wait;
always @(posedge clk) begin
    // The counters overflow: only their differences are looked at, and these are small.
    addresses <= rst ? 0 : addresses + (s_axil_awvalid && s_axil_awready);
    data_words <= rst ? 0 : data_words + (s_axil_wvalid && s_axil_wready);
    answers <= rst ? 0 : answers + (s_axil_bvalid && s_axil_bready);
    reads <= rst ? 0 : reads + (s_axil_arvalid && s_axil_arready);
    values <= rst ? 0 : values + (s_axil_rvalid && s_axil_rready);
    both_wait <= !rst && have_address && have_data && !s_axil_bvalid;
    if (!first) begin
        assert(addresses - answers == have_address + s_axil_bvalid);
        assert(data_words - answers == have_data + s_axil_bvalid);
        assert(reads - values == s_axil_rvalid);
        // No request waits longer than for its answer's channel, and none is taken while one waits.
        if (both_wait) assert(s_axil_bvalid && !have_address && !have_data);
        assert(s_axil_awready == !have_address && s_axil_wready == !have_data && s_axil_arready == !s_axil_rvalid);
    end
end
