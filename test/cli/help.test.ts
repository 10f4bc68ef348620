import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runCli, runShell } from "../support/cli.ts";

/** Lists the modules that are imported on standard error. */
const LIST_MODULES = `--import=${new URL("../support/list-modules.mjs", import.meta.url)}`;

describe("bitnet --help", () => {
  it("lists the commands on stdout", async () => {
    const { status, stdout, stderr } = await runCli(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet <command> [options]

      Run ternary (1.58-bit) language models on the CPU.

      Options:
        -V, --version  print the version
        -q, --quiet    nothing but errors on standard error
        -v, --verbose  details, and the stacks of errors, on standard error
        --no-color     no colour (also NO_COLOR)
        -h, --help     print this help; \`bitnet <command> --help\` tells more

      Commands:
        setup          download a model and make it ready to run
        models         list, show and remove the models on this machine
        run            generate text from a prompt
        chat           talk with a model
        serve          answer requests over HTTP, as the OpenAI API has them
        embed          turn texts into vectors
        perplexity     measure how well a model predicts a text, or compare two
        convert        turn a model into another form
        bench          measure speed, latency, memory and energy
        tune           find the fastest settings for a model on this machine
        info           show the CPU, the kernels and what is in a model
        doctor         check this machine and its models, and say what mends a fault
        completion     print the script that teaches a shell these commands

      Examples:
        bitnet run -p "The capital of France is"   # generate text
        bitnet convert ./checkpoint -o model.gguf  # make a model file
        bitnet info model.gguf                     # what is in it, what it needs
      "
    `);
  });

  it.each([[[]], [["help"]], [["-h"]]])("is also what %j prints", async (args) => {
    expect(await runCli(args)).toEqual(await runCli(["--help"]));
  });

  // Its time is that of its modules: `node scripts/measure-start.mjs -- --help` gives it.
  it("imports few modules, and of packages only two", async () => {
    const { stderr } = await runCli(["--help"], { env: { NODE_OPTIONS: LIST_MODULES } });
    const modules = [...stderr.matchAll(/^module (file:.*)$/gm)].map(([, url = ""]) => url);
    const packages = modules.flatMap((url) => /node_modules\/([^/]+)/.exec(url)?.[1] ?? []);
    expect([...new Set(packages)].sort()).toEqual(["chalk", "commander"]);
    expect(modules.length).toBeGreaterThan(20);
    expect(modules.length).toBeLessThan(60);
  });
});

describe("help of the commands", () => {
  it("run", async () => {
    const { status, stdout } = await runCli(["run", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet run [options]

      Generates text after a prompt. Standard output carries the generated text alone;
      everything else goes to standard error. Without -p and -f the prompt is read
      from standard input.

      Model:
        -m, --model <path>             GGUF file, directory with a GGUF or a Hugging
                                       Face checkpoint, or a name that \`bitnet setup\`
                                       made ready (default: the bundled one)
        --lora <adapter>               LoRA adapter to apply: a PEFT directory or a
                                       GGUF file; ADAPTER:0.5 scales it (repeatable)
        --i2s-layout <name>            order of the weights in an I2_S file: group128,
                                       group64, row4, seq_hi or seq_lo (default: as
                                       the file says, or group128)
        -c, --ctx-size <tokens>        context window; 0 is the model's own (default:
                                       0)
        --chat-template <name>         built-in template or Jinja file, in place of
                                       the model's own

      Engine:
        -t, --threads <count>          CPU threads (default: physical cores)
        -b, --batch-size <tokens>      prompt tokens evaluated at once (default: 512)
        --kv-type <type>               number format of the KV cache: f32, f16, bf16
                                       or int8 (default: f16)
        --activations <kind>           inputs of ternary matrices: int8 as suits the
                                       model, or none: floats, the slow reference
                                       (default: int8)
        --weights <form>               ternary weights in memory: fast (2 bits each)
                                       or compact (1.6 bits, on CPUs with AVX512-VNNI)
                                       (default: fast)
        --mmap                         run from the file's own pages: less memory,
                                       slower
        --profile <name>               threads, batch, context and memory that suit a
                                       kind of machine: mobile, edge, server or cloud
                                       (see bitnet info)
        --head-copy <when>             keep an int8 copy of an F16 head, which makes
                                       it twice as fast: auto or off (less memory)
                                       (default: auto)
        --speculate <when>             check tokens guessed from the text so far,
                                       several at once: auto (when it gains time) or
                                       off (default: auto)

      Prompt:
        -p, --prompt <text>            prompt or text; - reads all of standard input
        -f, --file <path>              read prompt or text from a file; - is standard
                                       input
        -e, --escape                   process \\n, \\t, \\\\ and the like in texts of the
                                       command line
        -cnv, --conversation           put the prompt into the model's chat template,
                                       as one user message
        -sys, --system <text>          system message, with --conversation

      Sampling:
        -n, --n-predict <count>        tokens to generate at most; -1 is unlimited
                                       (default: 128)
        --stop <text>                  end the text before this one (repeatable)
        --json-schema <schema>         answer with JSON that is valid for this JSON
                                       Schema: a file, or the schema itself
        --grammar <grammar>            answer with a text of this grammar (EBNF): a
                                       file, or the grammar itself
        --json-object                  answer with a JSON object, whatever is in it
        -temp, --temperature <number>  randomness; 0 always takes the likeliest token
                                       (default: 0.8)
        --top-k <count>                keep the k likeliest tokens; 0 keeps all
                                       (default: 40)
        --top-p <number>               keep the likeliest tokens that have this
                                       probability together; 1 keeps all (default:
                                       0.95)
        --min-p <number>               drop tokens below this share of the best one's
                                       probability; 0 keeps all (default: 0.05)
        --repeat-penalty <number>      lower recent tokens by this factor; 1 is off
                                       (default: 1)
        --repeat-last-n <count>        how many tokens the penalties look back on; -1
                                       is all (default: 64)
        --frequency-penalty <number>   lower a token by this each time it occurred
                                       (default: 0)
        --presence-penalty <number>    lower a token by this if it occurred (default:
                                       0)
        --logit-bias <id=bias>         add to a token's logit; -inf forbids the token
                                       (repeatable)
        -s, --seed <number>            same seed, same text; -1 is random (default:
                                       random)
        --logprobs <count>             with --json or --ndjson: log-probabilities, and
                                       this many alternatives per token

      Batch:
        --batch <file>                 answer every line of a file of JSON lines with
                                       prompt or messages, and id; - is standard input
        -o, --output <file>            append the answers to this file; what it holds
                                       already is not done again (default: standard
                                       output)
        --parallel <count>             requests that generate at once (default: 8)
        --order <kind>                 answers in the order of the requests (input),
                                       or each as soon as it is there (finish)
                                       (default: input)

      Output:
        --force                        overwrite or remove what is there without
                                       asking
        --json                         print one JSON document
        --ndjson                       print one JSON event per line, as they happen
        -q, --quiet                    nothing but errors on standard error
        -v, --verbose                  details, and the stacks of errors, on standard
                                       error
        --no-color                     no colour (also NO_COLOR)
        -h, --help                     print this help

      Examples:
        bitnet run -m model.gguf -p "Once upon a time" -n 64     # continue a text
        bitnet run -m model.gguf -cnv -p "Why is the sky blue?"  # ask
        git diff | bitnet run -cnv -sys 'Explain this change.'   # read a pipe
        bitnet run -p hi --temp 0 --json                         # likeliest tokens, as JSON
        bitnet run -cnv -p 'A city?' --json-schema s.json        # valid JSON
        bitnet run --batch in.jsonl -o out.jsonl                 # many; again to go on
        bitnet run -m model.gguf --lora ./adapter:0.5 -p hi      # half an adapter
      "
    `);
  });

  it("chat", async () => {
    const { status, stdout } = await runCli(["chat", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet chat [options]

      Talks with a model. On a terminal, lines have history, completion and commands:
      /help lists them; Ctrl-C stops an answer, Ctrl-D leaves. From a pipe, each line
      is a turn as it is, and standard output carries the answers alone, each ended by
      a line feed.

      Model:
        -m, --model <path>             GGUF file, directory with a GGUF or a Hugging
                                       Face checkpoint, or a name that \`bitnet setup\`
                                       made ready (default: the bundled one)
        --lora <adapter>               LoRA adapter to apply: a PEFT directory or a
                                       GGUF file; ADAPTER:0.5 scales it (repeatable)
        --i2s-layout <name>            order of the weights in an I2_S file: group128,
                                       group64, row4, seq_hi or seq_lo (default: as
                                       the file says, or group128)
        -c, --ctx-size <tokens>        context window; 0 is the model's own (default:
                                       0)
        --chat-template <name>         built-in template or Jinja file, in place of
                                       the model's own

      Engine:
        -t, --threads <count>          CPU threads (default: physical cores)
        -b, --batch-size <tokens>      prompt tokens evaluated at once (default: 512)
        --kv-type <type>               number format of the KV cache: f32, f16, bf16
                                       or int8 (default: f16)
        --activations <kind>           inputs of ternary matrices: int8 as suits the
                                       model, or none: floats, the slow reference
                                       (default: int8)
        --weights <form>               ternary weights in memory: fast (2 bits each)
                                       or compact (1.6 bits, on CPUs with AVX512-VNNI)
                                       (default: fast)
        --mmap                         run from the file's own pages: less memory,
                                       slower
        --profile <name>               threads, batch, context and memory that suit a
                                       kind of machine: mobile, edge, server or cloud
                                       (see bitnet info)
        --head-copy <when>             keep an int8 copy of an F16 head, which makes
                                       it twice as fast: auto or off (less memory)
                                       (default: auto)
        --speculate <when>             check tokens guessed from the text so far,
                                       several at once: auto (when it gains time) or
                                       off (default: auto)

      Prompt:
        -p, --prompt <text>            system message: what the model is and how it is
                                       to answer
        -f, --file <path>              read the system message from a file
        -e, --escape                   process \\n, \\t, \\\\ and the like in texts of the
                                       command line
        -cnv, --conversation           accepted: a chat always is a conversation
        -sys, --system <text>          the same as --prompt, which comes before it

      Sampling:
        -n, --n-predict <count>        tokens of an answer at most; -1 is unlimited
                                       (default: -1)
        --stop <text>                  end the text before this one (repeatable)
        --json-schema <schema>         answer with JSON that is valid for this JSON
                                       Schema: a file, or the schema itself
        --grammar <grammar>            answer with a text of this grammar (EBNF): a
                                       file, or the grammar itself
        --json-object                  answer with a JSON object, whatever is in it
        -temp, --temperature <number>  randomness; 0 always takes the likeliest token
                                       (default: 0.8)
        --top-k <count>                keep the k likeliest tokens; 0 keeps all
                                       (default: 40)
        --top-p <number>               keep the likeliest tokens that have this
                                       probability together; 1 keeps all (default:
                                       0.95)
        --min-p <number>               drop tokens below this share of the best one's
                                       probability; 0 keeps all (default: 0.05)
        --repeat-penalty <number>      lower recent tokens by this factor; 1 is off
                                       (default: 1)
        --repeat-last-n <count>        how many tokens the penalties look back on; -1
                                       is all (default: 64)
        --frequency-penalty <number>   lower a token by this each time it occurred
                                       (default: 0)
        --presence-penalty <number>    lower a token by this if it occurred (default:
                                       0)
        --logit-bias <id=bias>         add to a token's logit; -inf forbids the token
                                       (repeatable)
        -s, --seed <number>            same seed, same text; -1 is random (default:
                                       random)

      Chat:
        --resume [name]                go on with a saved chat; without a name, with
                                       the last one
        --no-save                      do not keep this chat for --resume, nor what is
                                       typed

      Output:
        --json                         print one line of JSON per answer
        --ndjson                       print one JSON event per line, as they happen
        -q, --quiet                    nothing but errors on standard error
        -v, --verbose                  details, and the stacks of errors, on standard
                                       error
        --no-color                     no colour (also NO_COLOR)
        -h, --help                     print this help

      Examples:
        bitnet chat -m model.gguf                               # talk
        bitnet chat -m model.gguf -p "You are a terse pirate."  # with a role
        bitnet chat --resume                                    # go on with the last chat
        bitnet chat -q --temp 0 < questions.txt > answers.txt   # a line, a turn
        echo 'What is 2 + 3?' | bitnet chat -q --json           # answers as JSON
      "
    `);
  });

  it("convert", async () => {
    const { status, stdout } = await runCli(["help", "convert"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet convert [options] <model>

      Turns a model into another form: a checkpoint as Hugging Face stores it (packed
      ternary weights, bf16 or f32 master weights, which are ternarised, or ternary
      weights written as numbers) or a GGUF file, into a GGUF file or a packed
      checkpoint. Trits never change; if a scale would, nothing is written unless
      --allow-lossy says so. The output appears under its name only once it is
      complete.

      Arguments:
        model                      checkpoint directory or GGUF file

      Conversion:
        -o, --output <file>        file to write; with --outtype safetensors a
                                   directory (default: beside the input)
        --outtype <type>           format of the ternary weights: i2_s, tl1, tl2,
                                   tq1_0, tq2_0, q2_0, f16, bf16, f32; or safetensors,
                                   a packed checkpoint (default: i2_s)
        --embd-type <type>         format of embeddings and head: f16, bf16, f32,
                                   q8_0, q6_k or q4_0 (default: f16)
        --tl-tiles <M,K,BM,BK,bm>  tiles of the TL1 or TL2 matrices of a shape, for
                                   input and output (repeatable)
        --merge-lora <adapter>     add a LoRA adapter to the master weights before
                                   they become ternary; ADAPTER:0.5 scales it
                                   (repeatable)
        --allow-lossy              round scales that the output cannot hold, and say
                                   how much was lost
        --verify                   read the output back and compare every weight with
                                   the input

      Model:
        --i2s-layout <name>        order of the weights in an I2_S file: group128,
                                   group64, row4, seq_hi or seq_lo (default: as the
                                   file says, or group128)

      Scoring:
        --text <file>              text to measure perplexity on; - is standard input
                                   (default: a short story of ours)

      Output:
        --force                    overwrite or remove what is there without asking
        --json                     print one JSON document
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet convert ./BitNet-b1.58-2B-4T                    # ggml-model-i2_s.gguf beside it
        bitnet convert ./ckpt -o m.gguf --embd-type q6_k       # smaller embeddings
        bitnet convert m.gguf --outtype tl2 --verify           # and prove that it is whole
        bitnet convert m.gguf --outtype safetensors -o ./ckpt  # back again
        bitnet convert ./masters --merge-lora ./adapter        # a fine-tune in 1.58 bits
      "
    `);
  });

  it("embed", async () => {
    const { status, stdout } = await runCli(["embed", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet embed [options] [text]

      Turns texts into vectors: the text given, or each line of a file or of standard
      input. Texts with similar meanings get similar vectors if the model was trained
      for that.

      Arguments:
        text                       text; or -p, -f, or standard input

      Model:
        -m, --model <path>         GGUF file, directory with a GGUF or a Hugging Face
                                   checkpoint, or a name that \`bitnet setup\` made
                                   ready (default: the bundled one)
        --lora <adapter>           LoRA adapter to apply: a PEFT directory or a GGUF
                                   file; ADAPTER:0.5 scales it (repeatable)
        --i2s-layout <name>        order of the weights in an I2_S file: group128,
                                   group64, row4, seq_hi or seq_lo (default: as the
                                   file says, or group128)

      Engine:
        -t, --threads <count>      CPU threads (default: physical cores)
        -b, --batch-size <tokens>  prompt tokens evaluated at once (default: 512)
        --kv-type <type>           number format of the KV cache: f32, f16, bf16 or
                                   int8 (default: f16)
        --activations <kind>       inputs of ternary matrices: int8 as suits the
                                   model, or none: floats, the slow reference
                                   (default: int8)
        --weights <form>           ternary weights in memory: fast (2 bits each) or
                                   compact (1.6 bits, on CPUs with AVX512-VNNI)
                                   (default: fast)
        --mmap                     run from the file's own pages: less memory, slower
        --profile <name>           threads, batch, context and memory that suit a kind
                                   of machine: mobile, edge, server or cloud (see
                                   bitnet info)

      Prompt:
        -p, --prompt <text>        prompt or text; - reads all of standard input
        -f, --file <path>          read prompt or text from a file; - is standard
                                   input
        -e, --escape               process \\n, \\t, \\\\ and the like in texts of the
                                   command line

      Embedding:
        --instruction <text>       put this before each text, as retrieval models want
                                   it for queries
        --pooling <kind>           token whose state stands for the text: last or cls
                                   (the first), or the mean of all (default: the
                                   model's own)
        --no-normalize             leave the vectors' lengths as they are; else each
                                   is 1
        --dimensions <count>       keep the first numbers of each vector only, if the
                                   model was trained for that (default: all)

      Output:
        --format <name>            json: one document; jsonl: one line per text; f32:
                                   bare little-endian floats (default: json)
        --json                     print one JSON document
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet embed -m model.gguf "a text"                                              # one vector, as JSON
        bitnet embed -m model.gguf -f texts.txt --format f32 > v.f32                     # each line
        bitnet embed -e --instruction 'Instruct: Find answers.\\nQuery: ' -f queries.txt  # queries
      "
    `);
  });

  it("perplexity", async () => {
    const { status, stdout } = await runCli(["perplexity", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet perplexity [options]

      Measures how well a model predicts a text: exp of the mean of -log p(token), by
      the rule of llama-perplexity. The text is cut into windows of --ctx-size tokens
      (512 unless given); each is evaluated alone, and its later half is scored. With
      --compare, also how far the predictions of another file are from those of
      --model.

      Model:
        -m, --model <path>         GGUF file, directory with a GGUF or a Hugging Face
                                   checkpoint, or a name that \`bitnet setup\` made
                                   ready (default: the bundled one)
        --lora <adapter>           LoRA adapter to apply: a PEFT directory or a GGUF
                                   file; ADAPTER:0.5 scales it (repeatable)
        --i2s-layout <name>        order of the weights in an I2_S file: group128,
                                   group64, row4, seq_hi or seq_lo (default: as the
                                   file says, or group128)
        -c, --ctx-size <tokens>    context window; 0 is the model's own (default: 0)

      Engine:
        -t, --threads <count>      CPU threads (default: physical cores)
        -b, --batch-size <tokens>  prompt tokens evaluated at once (default: 512)
        --kv-type <type>           number format of the KV cache: f32, f16, bf16 or
                                   int8 (default: f16)
        --activations <kind>       inputs of ternary matrices: int8 as suits the
                                   model, or none: floats, the slow reference
                                   (default: int8)
        --weights <form>           ternary weights in memory: fast (2 bits each) or
                                   compact (1.6 bits, on CPUs with AVX512-VNNI)
                                   (default: fast)
        --mmap                     run from the file's own pages: less memory, slower
        --profile <name>           threads, batch, context and memory that suit a kind
                                   of machine: mobile, edge, server or cloud (see
                                   bitnet info)

      Prompt:
        -p, --prompt <text>        prompt or text; - reads all of standard input
        -f, --file <path>          read prompt or text from a file; - is standard
                                   input
        -e, --escape               process \\n, \\t, \\\\ and the like in texts of the
                                   command line

      Scoring:
        --stride <tokens>          let windows overlap: each starts this many tokens
                                   after the last, and those are scored
        --chunks <count>           windows to score at most (default: all)
        --compare <model>          another file of the same model: how far are its
                                   predictions from those of --model?

      Output:
        --json                     print one JSON document
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet perplexity -m model.gguf -f text.txt                       # windows of 512 tokens
        bitnet perplexity -m model.gguf -f text.txt -c 1024 --stride 512  # overlap
        bitnet perplexity -m f32.gguf -f text.txt --compare i2_s.gguf     # compare
      "
    `);
  });

  it("bench", async () => {
    const { status, stdout } = await runCli(["bench", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet bench [options]

      Measures how fast a model reads prompts (pp) and generates (tg), with the spread
      of its repetitions, beside what this machine was measured to do at best. Every
      combination of the lists is measured, in turns. Energy is measured by the
      machine's counters or not at all.

      Model:
        -m, --model <path>         GGUF file or checkpoint directory (repeatable:
                                   several are measured in turns) (default: the
                                   bundled one)

      Measurement:
        -p, --n-prompt <counts>    prompts of so many tokens; lists and ranges:
                                   128,512 or 128-1024*2 or 100-300+100; 0: none
                                   (default: 512)
        -n, --n-gen <counts>       tokens to generate; 0: none (default: 128)
        -d, --depth <counts>       tokens in the context before each test (default: 0)
        -r, --repetitions <count>  how often each test is measured; below 3 there is
                                   no confidence interval (default: 5)
        --prompts <file>           answer these prompts, one a line (or JSON lines
                                   with a prompt each), and count the successes
        --no-limits                do not measure what the machine could do at best
        --powercap <folder>        where the system shows its energy counters
                                   (default: /sys/class/powercap)
        --perf-power <folder>      where the system describes its perf events of
                                   energy, read where --powercap cannot be (default:
                                   /sys/bus/event_source/devices/power)
        --assume-watts <number>    no meter: estimate energy from this power; marked
                                   as an estimate and never compared

      Engine:
        -t, --threads <counts>     CPU threads, as a list (default: physical cores)
        -b, --batch-size <counts>  prompt tokens evaluated at once, as a list
                                   (default: 512)
        --kernel <names>           kernel targets, with commas between; all: every one
                                   that runs here but scalar (default: the best here)
        --kv-type <types>          number formats of the KV cache: f32, f16, bf16,
                                   int8 (default: f16)
        --weights <forms>          ternary weights in memory: fast, compact (default:
                                   fast)
        --activations <kind>       inputs of ternary matrices: int8 as suits the
                                   model, or none: floats, the slow reference
                                   (default: int8)
        --mmap                     run from the file's own pages: less memory, slower

      Output:
        -o, --output <format>      table, md, csv, json or jsonl (default: table)
        --json                     print one JSON document
        --html <file>              also write a page with charts, complete in itself
        --save <file>              also write the JSON document to a file, for
                                   --compare
        --compare <file>           compare with a saved report; exit status 1 when
                                   something became slower than noise explains
        --noise <percent>          changes up to this are noise, whatever the
                                   repetitions say (default: 3)
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet bench -m model.gguf                          # prompts of 512, 128 tokens generated
        bitnet bench -m model.gguf -t 1,2,4 -d 0,4096       # by threads and depth
        bitnet bench -m a.gguf -m b.gguf --kernel all       # two models, every target
        bitnet bench -m model.gguf --html report.html       # a page with charts
        bitnet bench -m model.gguf --save old.json          # keep the figures
        bitnet bench -m model.gguf --compare old.json       # has it become slower?
        bitnet bench -m model.gguf --prompts list.txt -r 3  # answers to a list
      "
    `);
  });

  it("tune", async () => {
    const { status, stdout } = await runCli(["tune", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet tune [options]

      Measures threads, kernel targets and batch sizes, one after the other, and
      compares the best with the defaults once more, in turns. What is faster than
      noise explains is remembered for this CPU and models of this shape; run and the
      other commands then use it wherever no flag, variable, configuration file or
      profile says otherwise.

      Model:
        -m, --model <path>         GGUF file, directory with a GGUF or a Hugging Face
                                   checkpoint, or a name that \`bitnet setup\` made
                                   ready (default: the bundled one)

      Measurement:
        --budget <duration>        time for everything; unlikely values are left out
                                   where it is short, the likeliest never (default:
                                   30s)
        -r, --repetitions <count>  how often each test is measured; below 3 there is
                                   no confidence interval (default: 5)
        --forget                   forget what was found for this model

      Output:
        --json                     print one JSON document
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet tune -m model.gguf              # takes half a minute
        bitnet tune -m model.gguf --budget 5m  # leave nothing out
        bitnet tune -m model.gguf --forget     # back to the defaults
        bitnet info --config                   # what is used, and where it comes from
      "
    `);
  });

  it("info", async () => {
    const { status, stdout } = await runCli(["info", "-h"]);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: bitnet info [options] [model]

      Shows the CPU, the kernel targets and which one is used, then what is in a
      model's header and what memory it takes; with a model named, that alone. Weights
      are not read, except with --probe: nothing in the bytes of an I2_S file says in
      which of five orders its weights are, only whether the model makes sense.

      Arguments:
        model                      GGUF file or checkpoint directory

      Model:
        -m, --model <path>         GGUF file, directory with a GGUF or a Hugging Face
                                   checkpoint, or a name that \`bitnet setup\` made
                                   ready (default: the bundled one)
        -c, --ctx-size <tokens>    context window; 0 is the model's own (default: 0)
        --i2s-layout <name>        order of the weights in an I2_S file: group128,
                                   group64, row4, seq_hi or seq_lo (default: as the
                                   file says, or group128)

      Scoring:
        --probe                    run the model in every layout that an I2_S file may
                                   have, and compare the perplexities
        --text <file>              text to measure perplexity on; - is standard input
                                   (default: a short story of ours)

      Engine:
        -t, --threads <count>      CPU threads (default: physical cores)
        --kv-type <type>           number format of the KV cache: f32, f16, bf16 or
                                   int8 (default: f16)
        --weights <form>           ternary weights in memory: fast (2 bits each) or
                                   compact (1.6 bits, on CPUs with AVX512-VNNI)
                                   (default: fast)
        --head-copy <when>         keep an int8 copy of an F16 head, which makes it
                                   twice as fast: auto or off (less memory) (default:
                                   auto)
        -b, --batch-size <tokens>  prompt tokens evaluated at once (default: 512)

      Output:
        --metadata                 print every metadata key of the model
        --config                   print every setting: its value and where that comes
                                   from
        --json                     print one JSON document
        -q, --quiet                nothing but errors on standard error
        -v, --verbose              details, and the stacks of errors, on standard
                                   error
        --no-color                 no colour (also NO_COLOR)
        -h, --help                 print this help

      Examples:
        bitnet info                        # this machine
        bitnet info model.gguf -c 4096     # a model, and its memory for 4096 tokens
        bitnet info model.gguf --metadata  # every metadata key
        bitnet info model.gguf --probe     # is its I2_S layout the right one?
        bitnet info --config               # settings and where they come from
      "
    `);
  });
});

it("--version prints the version of the package", async () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text);
  expect(await runCli(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  expect((await runCli(["-V"])).stdout).toBe(`${version}\n`);
});

describe("colour", () => {
  const colored = (text: string) => text.includes("\u001b[");

  it("is off in a pipe, and on with FORCE_COLOR", async () => {
    expect(colored((await runCli(["--help"])).stdout)).toBe(false);
    expect(colored((await runCli(["--help"], { env: { FORCE_COLOR: "1" } })).stdout)).toBe(true);
  });

  it("is off with NO_COLOR and --no-color, whatever FORCE_COLOR says", async () => {
    const env = { FORCE_COLOR: "1", NO_COLOR: "x" };
    expect(colored((await runCli(["--help"], { env })).stdout)).toBe(false);
    const flag = await runCli(["--no-color", "--help"], { env: { FORCE_COLOR: "1" } });
    expect(colored(flag.stdout)).toBe(false);
    const wrong = await runCli(["run", "--wrong", "--no-color"], { env: { FORCE_COLOR: "1" } });
    expect(colored(wrong.stderr)).toBe(false);
  });
});

it("a reader that has seen enough is no failure", async () => {
  const { stdout, stderr } = await runShell(
    "set -o pipefail; bitnet run --help | head -c 1; echo status $?",
  );
  expect({ stdout, stderr }).toEqual({ stdout: "Ustatus 0\n", stderr: "" });
});
