#!/usr/bin/env python3
"""Print the largest difference between the logits of `train.py`'s model and of Hugging Face's LlamaForCausalLM.

    python -m pip install -r requirements.txt transformers==5.23.0
    python compare_with_transformers.py shakespeare
"""

import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

import train


def main() -> None:
    folder = Path(sys.argv[1])
    text = (folder / "sample.txt").read_bytes()[: 4 * 256]
    tokens = torch.tensor(list(text)).view(4, 256)
    theirs = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ours = train.Llama(train.Config()).eval()
    ours.load_state_dict(load_file(folder / "model.safetensors"))
    with torch.no_grad():
        expected = theirs(tokens).logits
        difference = (ours(tokens) - expected).abs().max().item()
    print(f"transformers {transformers.__version__}: largest difference {difference:.1e}, "
          f"largest logit {expected.abs().max().item():.1f}")


if __name__ == "__main__":
    main()
