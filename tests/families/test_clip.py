"""Long and weighted captions, against plain transformers; how pieces are put together is kohya's (its section 4.4)."""

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from loranb import clip
from loranb.demo.tokenizer import build_tokenizer
from loranb.families import Reading
from loranb.families._clip import _pieces, _tokens, encode_clip
from loranb.families._tokenizer import clip_tokenizer

WORDS = " ".join(["red house boat tree church grass sand snow"] * 20)  # 160 tokens, each word one


@pytest.fixture(scope="module", params=["<|endoftext|>", "a"])
def tokenizer(request):
    """CLIP's of SD 1.x fills up with the end, that of SD 2.x with another token."""
    made = build_tokenizer()
    made.pad_token = request.param
    return made


def config(tokenizer):
    return CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
        projection_dim=12, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


@pytest.fixture
def encoder(tokenizer):
    torch.manual_seed(0)
    return CLIPTextModel(config(tokenizer)).eval()


@torch.no_grad()
def states(encoder, ids, layer=1):
    """Hidden states of one piece after the norm; (77, width)."""
    hidden = encoder(torch.tensor([ids]), output_hidden_states=True).hidden_states[-layer]
    return getattr(encoder, "text_model", encoder).final_layer_norm(hidden)[0]


def piece(tokenizer, ids):
    filled = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return filled + [tokenizer.pad_token_id] * (77 - len(filled))


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("text", ["", "red house", "mokuba, a house!", WORDS])
def test_75_tokens_are_read_as_the_tokenizer_itself_cuts_and_fills(encoder, tokenizer, text):
    ids = tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
    with torch.no_grad():
        assert torch.allclose(encode_clip(encoder, tokenizer, [text]).hidden[0], states(encoder, ids), atol=1e-5)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("text", ["", "red house", " ".join(WORDS.split()[:75]), " ".join(WORDS.split()[:80]), WORDS])
@pytest.mark.parametrize("tokens", [150, 225])
def test_long_captions_are_read_in_pieces_that_are_put_together(encoder, tokenizer, text, tokens, layer):
    ids = ids_of(tokenizer, text)
    pieces = [states(encoder, piece(tokenizer, ids[at : at + 75]), layer) for at in range(0, tokens, 75)]
    wanted = torch.cat([pieces[0][:1], *(one[1:76] for one in pieces), pieces[-1][76:]])
    with torch.no_grad():
        found = encode_clip(encoder, tokenizer, ["boat", text], layer, reading=Reading(tokens)).hidden
    assert found.shape == (2, tokens + 2, 16)
    assert torch.allclose(found[1], wanted, atol=1e-5)


def test_the_pooled_embedding_is_that_of_the_first_piece(tokenizer):
    torch.manual_seed(0)
    encoder = CLIPTextModelWithProjection(config(tokenizer)).eval()
    first = piece(tokenizer, ids_of(tokenizer, WORDS)[:75])
    with torch.no_grad():
        found = encode_clip(encoder, tokenizer, ["boat", WORDS], reading=Reading(150)).pooled
        assert torch.allclose(found[1], encoder(torch.tensor([first])).text_embeds[0], atol=1e-5)


@pytest.mark.parametrize("tokens", [75, 150])
def test_weights_multiply_the_states_of_their_words(encoder, tokenizer, tokens):
    """The words themselves are read without brackets and numbers, as current sd-scripts does; no mean is kept."""
    plain, weights = "red house boat tree", [1.0, 1.5, 1.5, 1 / 1.1]
    with torch.no_grad():
        wanted = encode_clip(encoder, tokenizer, [plain], reading=Reading(tokens)).hidden.clone()
        found = encode_clip(encoder, tokenizer, ["red (house boat:1.5) [tree]"], reading=Reading(tokens, True)).hidden
    wanted[0, 1:5] *= torch.tensor(weights)[:, None]
    assert torch.allclose(found, wanted, atol=1e-5)


def test_weights_reach_into_the_second_piece(encoder, tokenizer):
    words = WORDS.split()[:100]
    text = " ".join([*words[:80], "(", *words[80:90], ":2)", *words[90:]]).replace("( ", "(").replace(" :", ":")
    with torch.no_grad():
        wanted = encode_clip(encoder, tokenizer, [" ".join(words)], reading=Reading(150)).hidden.clone()
        found = encode_clip(encoder, tokenizer, [text], reading=Reading(150, True)).hidden
    wanted[0, 81:91] *= 2
    assert torch.allclose(found, wanted, atol=1e-5)


def test_without_weights_brackets_are_letters(encoder, tokenizer):
    with torch.no_grad():
        found = encode_clip(encoder, tokenizer, ["(red:1.2)", "red"]).hidden
    assert not torch.allclose(found[0], found[1], atol=1e-3)


@pytest.mark.parametrize("pad", ["<|endoftext|>", "!"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a photo of a cat",
        "Ünïcode, 日本語, 🏰🏰!!",
        "<|endoftext|> in  the\nmiddle",
        "it's 1girl, (best:1.2)",
        "castle, " * 60,
    ],
)
def test_with_the_vocabulary_of_real_models_too_the_tokenizer_itself_cuts_and_fills_so(text, pad):
    real = clip_tokenizer(pad)
    wanted = real(text, padding="max_length", max_length=77, truncation=True).input_ids
    ids, weights = _tokens(real, text, Reading())
    assert _pieces(real, ids, 75)[0].tolist() == wanted
    assert set(weights) <= {1.0}


def test_a_weighted_caption_has_as_many_tokens_as_are_counted():
    text = r"masterpiece, (red hat:1.2), ((smile)), [blurry], ganyu \(genshin impact\), 1girl"
    assert len(_tokens(clip_tokenizer("!"), text, Reading(225, True))[0]) == clip.count(text, weights=True)
