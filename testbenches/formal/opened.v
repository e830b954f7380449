// Registers that are opened: what one takes at the clock edge becomes an output of the design, and what it holds an input.

module \$_DFF_P_ (input C, input D, output Q);
    opened_register _TECHMAP_REPLACE_ (.next(D), .held(Q));
endmodule

module \$_DFFE_PP_ (input C, input E, input D, output Q);
    opened_register _TECHMAP_REPLACE_ (.next(E ? D : Q), .held(Q));
endmodule
