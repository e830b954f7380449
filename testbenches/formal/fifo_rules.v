// Rules of a FIFO of DEPTH words, and one more in its output register. One bit of the words is looked at.

// Level counts what is inside: no more than there is room for, and no word that has not come leaves.
reg [15:0] inside;
always @(posedge clk) begin
    inside <= rst ? 0 : inside + arrives - leaves;
    if (!first) begin
        assert(level == inside);
        assert(inside <= DEPTH + 1);
        assert(!leaves || inside != 0);
        // What is not full takes what comes.
        assert(s_axis_tready || inside >= DEPTH);
    end
end

// Any one word is marked when it comes, with how many are ahead of it. It leaves when these have left, as it came: so none
// is lost, none comes twice, and none overtakes another.
reg marked, content;
reg [15:0] ahead;
reg [ADDRESS_BITS-1:0] place;
always @(posedge clk) begin
    if (rst) begin
        marked <= 0;
    end else if (mark && !marked && arrives) begin
        marked <= 1;
        content <= s_axis_tdata[BIT];
        ahead <= level - leaves;
        place <= write_address;
    end else if (marked && leaves) begin
        ahead <= ahead - 1;
        marked <= ahead != 0;
    end
    if (!first && marked) begin
        assert(ahead < inside);
        if (ahead == 0 && leaves) assert(m_axis_tdata[BIT] == content);
    end
end

// What the induction needs to know of the registers.
always @(posedge clk) begin
    if (!first) begin
        assert(count <= DEPTH && write_address < DEPTH && read_address < DEPTH);
        assert(level == count + out_valid);
        assert(write_address == (read_address + count) % DEPTH);
        if (marked && ahead == 0 && out_valid) assert(m_axis_tdata[BIT] == content);
        if (marked && ahead >= out_valid) begin
            assert(place == (read_address + ahead - out_valid) % DEPTH);
            assert(column[place] == content);
        end
    end
end
