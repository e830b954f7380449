#!/usr/bin/env python3
"""Train the small byte-level Llama that is committed beside this script.

The result is a folder in the Hugging Face layout (`config.json`, `model.safetensors`, `tokenizer.json`) plus a text
sampled from the trained model (`sample.txt`) and everything that was measured (`metrics.json`).

    python train.py --text tinyshakespeare.txt --output shakespeare

It runs on the CPU. The run is seeded; the same seed on another processor or another PyTorch version gives a model of
the same quality, not the same bits.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import safetensors
import safetensors.torch
import tokenizers
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The text the committed model was trained on: tinyshakespeare, 1,115,394 bytes of ASCII, public domain.
TEXT_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

WEIGHTS = "model.safetensors"
METRICS = "metrics.json"

TRAIN_FRACTION = 0.9  # the last tenth of the text is the validation split


# ---------------------------------------------------------------------------------------------------------- model


@dataclass(frozen=True)
class Config:
    """The architecture, in the words of Hugging Face's `LlamaConfig`."""

    vocab_size: int = 256
    hidden_size: int = 256
    intermediate_size: int = 512
    num_hidden_layers: int = 3
    num_attention_heads: int = 8
    num_key_value_heads: int = 2
    head_dim: int = 32
    max_position_embeddings: int = 256
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    initializer_range: float = 0.02

    def to_hugging_face(self) -> dict:
        """The contents of `config.json`."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            **self.__dict__,
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "attention_bias": False,
            "mlp_bias": False,
            "attention_dropout": 0.0,
            "rope_scaling": None,
            "bos_token_id": None,
            "eos_token_id": None,
            "torch_dtype": "float32",
            "use_cache": True,
        }


class RMSNorm(nn.Module):
    """x / rms(x) * weight."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps))


def rope_table(config: Config) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding, each [positions, head_dim]; both halves of a row are the same."""
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    angle = torch.outer(torch.arange(config.max_position_embeddings).float(), config.rope_theta**-exponent)
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x [batch, heads, time, head_dim]; channel i is paired with channel i + head_dim/2 ("rotate half")."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-high, low], dim=-1) * sin


class Attention(nn.Module):
    """Causal attention; query head h reads key/value head h // (query heads / key-value heads)."""

    def __init__(self, c: Config):
        super().__init__()
        self.head_dim = c.head_dim
        self.group = c.num_attention_heads // c.num_key_value_heads
        self.q_proj = nn.Linear(c.hidden_size, c.num_attention_heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.hidden_size, c.num_key_value_heads * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.hidden_size, c.num_key_value_heads * c.head_dim, bias=False)
        self.o_proj = nn.Linear(c.num_attention_heads * c.head_dim, c.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape

        def heads(y: Tensor) -> Tensor:
            return y.view(batch, length, -1, self.head_dim).transpose(1, 2)

        q = rope(heads(self.q_proj(x)), cos, sin)
        k = rope(heads(self.k_proj(x)), cos, sin).repeat_interleave(self.group, dim=1)
        v = heads(self.v_proj(x)).repeat_interleave(self.group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, c: Config):
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """One pre-norm transformer layer. Dropout acts on what each branch adds to the residual stream."""

    def __init__(self, c: Config, dropout: float):
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = MLP(c)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    """A Llama whose parameter names are those of Hugging Face's `LlamaForCausalLM`, with tied embeddings."""

    def __init__(self, c: Config, dropout: float = 0.0):
        super().__init__()
        self.config = c
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.model.layers = nn.ModuleList(Layer(c, dropout) for _ in range(c.num_hidden_layers))
        self.model.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.dropout = nn.Dropout(dropout)
        cos, sin = rope_table(c)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # The branches' last matrices start smaller, so that the residual stream does not grow with depth.
                last = name.endswith(("o_proj.weight", "down_proj.weight"))
                shrink = math.sqrt(2 * c.num_hidden_layers) if last else 1.0
                nn.init.normal_(parameter, std=c.initializer_range / shrink)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [batch, time, vocab] for token ids [batch, time]."""
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.dropout(self.model.embed_tokens(ids))
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)


# ------------------------------------------------------------------------------------------------------- training


def random_batch(data: Tensor, batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`batch` windows at random places: the inputs, and as targets the bytes one place further on."""
    starts = torch.randint(len(data) - length, (batch, 1), generator=generator)
    index = starts + torch.arange(length)
    return data[index], data[index + 1]


@torch.no_grad()
def mean_loss(model: Llama, data: Tensor, batch: int = 64) -> float:
    """Mean loss over all of `data` in nats per byte.

    The text is cut into windows of `max_position_embeddings` bytes that do not overlap. In each, every byte predicts
    the next one from the window's own bytes up to it; the very first byte of `data` is never predicted. The last
    window may be shorter.
    """
    model.eval()
    length = model.config.max_position_embeddings
    total, count = 0.0, 0
    inputs, targets = data[:-1], data[1:]
    whole = len(inputs) // length * length
    parts = []
    if whole > 0:
        parts += zip(inputs[:whole].view(-1, length).split(batch), targets[:whole].view(-1, length).split(batch))
    if whole < len(inputs):
        parts.append((inputs[whole:].view(1, -1), targets[whole:].view(1, -1)))
    for x, y in parts:
        total += F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum").item()
        count += y.numel()
    return total / count


def learning_rate(step: int, args: argparse.Namespace) -> float:
    """Linear warm-up, then a cosine down to a hundredth of the peak."""
    if step < args.warmup:
        return args.lr * (step + 1) / args.warmup
    progress = (step - args.warmup) / max(1, args.steps - args.warmup)
    return args.lr * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))))


def train(model: Llama, train_data: Tensor, validation_data: Tensor, args: argparse.Namespace) -> None:
    """Train, keeping the parameters with the best validation loss and, at each evaluation, a record of the run.

    Both are complete at any time, so a run that was interrupted can be finished with `--measure-only`.
    """
    options = {name: value for name, value in vars(args).items() if name not in ("text", "output", "measure_only")}
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.99),
        fused=True,
    )
    generator = torch.Generator().manual_seed(args.seed)
    length = model.config.max_position_embeddings
    best_loss, best_step, worse, history = math.inf, 0, 0, []
    running = 0.0
    started = time.monotonic()

    for step in range(args.steps):
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args)
        x, y = random_batch(train_data, args.batch, length, generator)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

        running = loss.item() if step == 0 else 0.95 * running + 0.05 * loss.item()
        done = step + 1
        if done % 25 == 0:
            spent = time.monotonic() - started
            eta = spent / done * (args.steps - done)
            pace = f"{spent / done:.3f} s/step  ETA {eta / 60:.1f} min"
            print(f"step {done}/{args.steps}  loss {running:.4f}  {pace}", flush=True)
        if done % args.eval_every == 0 or done == args.steps:
            validation = mean_loss(model, validation_data)
            history.append({"step": done, "training_loss_with_dropout": running, "validation_loss": validation})
            if validation < best_loss:
                best_loss, best_step, worse = validation, done, 0
                save_weights(model, args.output / WEIGHTS)
            else:
                worse += 1
            print(f"step {done}  validation {validation:.4f}  best {best_loss:.4f} at {best_step}", flush=True)
            seconds = round(time.monotonic() - started)
            record = {"steps_done": done, "best_step": best_step, "seconds": seconds, "history": history}
            write_json(args.output / METRICS, {"options": options, "training": record})
            if worse >= args.patience:
                print(f"stopping: no better validation loss in {worse} evaluations", flush=True)
                break


# --------------------------------------------------------------------------------------------------------- output


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees either the old contents or the new, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def write_json(path: Path, value: dict) -> None:
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def save_weights(model: Llama, path: Path) -> None:
    """The parameters as F32 safetensors; the tied output matrix is not stored twice."""
    tensors = {name: parameter.detach().float().contiguous() for name, parameter in model.named_parameters()}
    write_atomically(path, safetensors.torch.save(tensors, metadata={"format": "pt"}))


def byte_tokenizer() -> tokenizers.Tokenizer:
    """A tokenizer with 256 tokens and no merges, whose token ids are the bytes of the text's UTF-8."""
    # ByteLevel writes each byte as one printable character: printable Latin-1 bytes as themselves, the rest, in
    # order, from U+0100 on. This is GPT-2's table.
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    rest = iter(range(0x100, 0x200))
    vocabulary = {chr(byte if byte in printable else next(rest)): byte for byte in range(256)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def check_tokenizer(path: Path) -> None:
    """Raise unless the tokenizer stored at `path` maps text to its UTF-8 bytes and back."""
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    every_scalar = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    scattered = every_scalar[::257]
    ascii_text = "".join(map(chr, range(128)))
    samples = ["", " ", "a", "  two  spaces\r\n\ttab ", "Grüße, 世界, 🦀 é\u0301"]
    for text in [*samples, ascii_text, every_scalar[:70000], scattered]:
        ids = tokenizer.encode(text).ids
        if ids != list(text.encode()):
            raise RuntimeError(f"tokenizer: wrong ids for {text[:20]!r}")
        if tokenizer.decode(ids, skip_special_tokens=False) != text:
            raise RuntimeError(f"tokenizer: wrong text for {text[:20]!r}")
    if tokenizer.get_vocab_size() != 256:
        raise RuntimeError("tokenizer: not 256 tokens")


@torch.no_grad()
def sample(model: Llama, alphabet: Tensor, length: int, temperature: float, seed: int) -> tuple[bytes, float]:
    """Draw `length` bytes from the model, starting after a line feed.

    Only bytes of `alphabet` (those that the training text has) are drawn, which keeps the result valid text. Returns
    the bytes and the largest probability that the model ever gave to all other bytes together. Each byte sees up to
    `max_position_embeddings` bytes before it.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    window = model.config.max_position_embeddings
    ids = torch.tensor([10])
    outside = 0.0
    for _ in range(length):
        probability = torch.softmax(model(ids[-window:].unsqueeze(0))[0, -1].double() / temperature, dim=-1)
        allowed = probability[alphabet]
        outside = max(outside, 1.0 - allowed.sum().item())
        drawn = alphabet[torch.multinomial(allowed, 1, generator=generator)]
        ids = torch.cat([ids, drawn])
    return bytes(ids[1:].tolist()), outside


def kurtosis(weight: Tensor) -> float:
    """The fourth standardised moment; 3 for a Gaussian."""
    x = weight.double().flatten()
    x = x - x.mean()
    return (x.pow(4).mean() / x.square().mean().square()).item()


def loss_report(nats: float) -> dict:
    return {"nats_per_byte": round(nats, 5), "bits_per_byte": round(nats / math.log(2), 5)}


def read_text(path: Path) -> tuple[bytes, str]:
    """The training text and its SHA-256; says so when it is not the text the committed model was trained on."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest == TEXT_SHA256:
        print(f"text: {len(data)} bytes, SHA-256 as expected")
    else:
        print(
            f"WARNING: {path.name} is not the text the committed model was trained on\n"
            f"  expected SHA-256 {TEXT_SHA256}\n"
            f"  this file        {digest}\n"
            "Training goes on; the result will be another model.",
            file=sys.stderr,
        )
    return data, digest


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="the training text")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--steps", type=int, default=2800, help="optimizer steps")
    parser.add_argument("--batch", type=int, default=16, help="sequences per step")
    parser.add_argument("--lr", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=100, help="warm-up steps")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--eval-every", type=int, default=200, help="steps between evaluations")
    parser.add_argument("--patience", type=int, default=5, help="evaluations without progress before stopping")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample-bytes", type=int, default=8192, help="length of sample.txt")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampling")
    parser.add_argument("--measure-only", action="store_true", help="only sample and measure the weights in --output")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.steps < 1:
        parser.error("--steps must be at least 1")
    return args


def main() -> None:
    args = parse_arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)

    text, digest = read_text(args.text)
    data = torch.from_numpy(numpy.frombuffer(text, dtype=numpy.uint8).astype(numpy.int64))
    split = int(TRAIN_FRACTION * len(data))
    train_data, validation_data = data[:split], data[split:]

    config = Config()
    model = Llama(config, args.dropout)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters} parameters, {len(train_data)} bytes to train on, {len(validation_data)} to validate")

    out: Path = args.output
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", config.to_hugging_face())
    write_json(
        out / "generation_config.json",
        {
            "do_sample": True,
            "temperature": args.temperature,
            "top_k": 0,
            "top_p": 1.0,
            "bos_token_id": None,
            "eos_token_id": None,
        },
    )
    write_atomically(out / "tokenizer.json", (byte_tokenizer().to_str(pretty=True) + "\n").encode())
    check_tokenizer(out / "tokenizer.json")

    if not args.measure_only:
        train(model, train_data, validation_data, args)
    weights = out / WEIGHTS
    run = json.loads((out / METRICS).read_text())

    # From here on everything is measured in f32 on the weights as they were stored.
    model.load_state_dict(safetensors.torch.load_file(weights))
    drawn, outside = sample(model, train_data.unique(), args.sample_bytes, args.temperature, args.seed)
    drawn.decode("utf-8")
    write_atomically(out / "sample.txt", drawn)

    kurtoses = {
        name: round(kurtosis(p.detach()), 3) for name, p in model.named_parameters() if "_proj." in name
    }
    metrics = {
        "parameters": parameters,
        "text": {
            "sha256": digest,
            "bytes": len(data),
            "train_bytes": len(train_data),
            "validation_bytes": len(validation_data),
        },
        "loss": {
            "training": loss_report(mean_loss(model, train_data)),
            "validation": loss_report(mean_loss(model, validation_data)),
            "sample": loss_report(mean_loss(model, torch.tensor(list(drawn)))),
        },
        "sample": {
            "bytes": len(drawn),
            "temperature": args.temperature,
            "seed": args.seed,
            "sha256": hashlib.sha256(drawn).hexdigest(),
            "largest_probability_outside_the_alphabet": outside,
        },
        "kurtosis": {"least": min(kurtoses.values()), "greatest": max(kurtoses.values()), "by_tensor": kurtoses},
        "weights": {"bytes": weights.stat().st_size, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()},
        "options": run["options"],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "training": run["training"],
    }
    write_json(out / METRICS, metrics)
    for name, loss in metrics["loss"].items():
        print(f"{name} loss: {loss['nats_per_byte']:.4f} nats per byte, {loss['bits_per_byte']:.4f} bits per byte")
    print(f"kurtosis of the linear weights: {metrics['kurtosis']['least']} to {metrics['kurtosis']['greatest']}")
    print(f"{weights.name}: {weights.stat().st_size} bytes")


if __name__ == "__main__":
    main()
