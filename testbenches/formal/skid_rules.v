// Rules of a register slice: the same as those of a FIFO of two words. One bit of the words is looked at.

reg [15:0] inside;
reg marked, content;
reg [15:0] ahead;
always @(posedge clk) begin
    inside <= rst ? 0 : inside + arrives - leaves;
    if (rst) begin
        marked <= 0;
    end else if (mark && !marked && arrives) begin
        marked <= 1;
        content <= s_axis_tdata[BIT];
        ahead <= inside - leaves;
    end else if (marked && leaves) begin
        ahead <= ahead - 1;
        marked <= ahead != 0;
    end
    if (!first) begin
        assert(inside <= 2);
        assert(!leaves || inside != 0);
        assert(s_axis_tready || inside == 2);
        if (marked) assert(ahead < inside);
        if (marked && ahead == 0 && leaves) assert(m_axis_tdata[BIT] == content);

        // What the induction needs to know of the registers.
        assert(inside == out_valid + spare_valid);
        assert(out_valid || !spare_valid);
        if (marked && ahead == 0) assert(m_axis_tdata[BIT] == content);
        if (marked && ahead == 1) assert(spare_data[BIT] == content);
    end
end
