# Types lines into a zsh of its own, completes each by Tab, and prints what the line is then.
#   zsh complete.zsh SETUP LINE...
zmodload zsh/zpty
zpty shell zsh -f -i
say() { zpty -w shell "$1"; local seen; zpty -r shell seen "*$2*"; }
# The words that end the waiting are not to be seen in the echo of the command.
say "autoload -Uz compinit; $1; print LO''ADED" LOADED
say "show() { print -r -- \"<<\$BUFFER>>\" }; zle -N show; bindkey '^X' show; print BO''UND" BOUND
shift
for line in "$@"; do
  zpty -n -w shell "$line"$'\t\x18'
  zpty -r shell seen '*<<*>>*'
  print -r -- "${${seen##*<<}%%>>*}"
  zpty -n -w shell $'\x15'
done
