/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pickle.h"

#include <math.h>
#include <stdlib.h>

#include "util.h"

/* All that weights need. */
static const char *const ALLOWED[] = {
    "collections\nOrderedDict", "torch._utils\n_rebuild_tensor", "torch._utils\n_rebuild_tensor_v2",
    "torch._utils\n_rebuild_parameter", "torch\nFloatStorage", "torch\nDoubleStorage", "torch\nHalfStorage",
    "torch\nBFloat16Storage", "torch\nLongStorage", "torch\nIntStorage", "torch\nShortStorage", "torch\nCharStorage",
    "torch\nByteStorage", "torch\nBoolStorage", "torch\nSize",
};

enum { MARK = -1, MAX_STACK = 1 << 20, MAX_MEMO = 1 << 20 };

typedef struct Stack {
    int *all, n, room;
} Stack;

typedef struct Pickle {
    Values *values;
    Bytes *bytes;
    Stack stack; /* values and marks */
    Stack memo;  /* values, or MARK: none */
    NstError *err;
} Pickle;

static int push_to(Pickle *p, Stack *stack, int item)
{
    if (stack->n >= MAX_STACK)
        return fail(p->err, NST_ETOOLARGE, "at most %d objects expected, more found", MAX_STACK);
    if (stack->n == stack->room) {
        const int room = stack->room ? 2 * stack->room : 64;
        int *all = realloc(stack->all, (size_t)room * sizeof(*all));
        if (!all)
            return fail(p->err, NST_ENOMEM, "no memory for %d objects", room);
        stack->all = all;
        stack->room = room;
    }
    stack->all[stack->n++] = item;
    return NST_OK;
}

/* Pushes a value that was just added; passes its failure on. */
static int push(Pickle *p, int item)
{
    return item < 0 ? item : push_to(p, &p->stack, item);
}

static int malformed(Pickle *p, const char *what)
{
    return fail(p->err, NST_EFORMAT, "%s expected (is the file cut off or damaged?)", what);
}

/* The value on top, which is taken off; -1: none, and the message is written. */
static int pop(Pickle *p)
{
    if (p->stack.n < 1 || p->stack.all[p->stack.n - 1] == MARK)
        return malformed(p, "an object on the stack");
    return p->stack.all[--p->stack.n];
}

static int top(Pickle *p, ValueType type)
{
    const int index = p->stack.n < 1 ? MARK : p->stack.all[p->stack.n - 1];
    if (index == MARK || p->values->all[index].type != type)
        return malformed(p, type == VALUE_DICT ? "a dictionary" : "a list");
    return index;
}

/* First entry above the last mark; -1: there is none. */
static int find_mark(Pickle *p)
{
    for (int i = p->stack.n - 1; i >= 0; i--)
        if (p->stack.all[i] == MARK)
            return i + 1;
    return malformed(p, "a mark");
}

/* What lies above entry `first` becomes items of `to`; `marked`: with the mark below it. */
static int gather(Pickle *p, int to, int first, bool marked)
{
    for (int i = first; i < p->stack.n; i++) {
        if (p->stack.all[i] == MARK)
            return malformed(p, "an object");
        NST_TRY(values_append(p->values, to, p->stack.all[i], p->err));
    }
    p->stack.n = first - marked;
    return NST_OK;
}

static int make_list(Pickle *p, int first, bool marked)
{
    const int list = values_add(p->values, VALUE_LIST, p->err);
    NST_TRY(list);
    NST_TRY(gather(p, list, first, marked));
    return push(p, list);
}

static int make_tuple(Pickle *p, int n)
{
    return p->stack.n < n ? malformed(p, "items of a tuple") : make_list(p, p->stack.n - n, false);
}

static int tuple_to_mark(Pickle *p)
{
    const int first = find_mark(p);
    NST_TRY(first);
    return make_list(p, first, true);
}

/* Appends to the dictionary or list below. */
static int add_items(Pickle *p, ValueType type)
{
    const int first = find_mark(p);
    NST_TRY(first);
    const int n = p->stack.n;
    if (type == VALUE_DICT && (n - first) % 2)
        return malformed(p, "pairs of key and value");
    p->stack.n = first - 1;
    const int to = top(p, type);
    p->stack.n = n;
    NST_TRY(to);
    return gather(p, to, first, true);
}

static int add_pair(Pickle *p, ValueType type, int n)
{
    if (p->stack.n < n + 1)
        return malformed(p, "an item");
    p->stack.n -= n;
    const int to = top(p, type);
    p->stack.n += n;
    NST_TRY(to);
    return gather(p, to, p->stack.n - n, false);
}

static int read_global(Pickle *p)
{
    const uint8_t *begin = p->bytes->at;
    const uint8_t *middle = memchr(begin, '\n', p->bytes->left);
    const uint8_t *end = middle ? memchr(middle + 1, '\n', p->bytes->left - (size_t)(middle + 1 - begin)) : NULL;
    if (!end)
        return malformed(p, "the name of a class");
    bytes_take(p->bytes, (size_t)(end + 1 - begin));
    const int index = values_add_text(p->values, VALUE_GLOBAL, begin, (size_t)(end - begin), p->err);
    NST_TRY(index);
    for (size_t i = 0; i < sizeof(ALLOWED) / sizeof(*ALLOWED); i++)
        if (value_is_text(&p->values->all[index], ALLOWED[i]))
            return push(p, index);
    return fail(p->err, NST_EUNSUPPORTED,
                "only tensors by name expected, \"%.*s.%.*s\" found, which would be run (save the state_dict)",
                min_int((int)(middle - begin), 60), (const char *)begin, min_int((int)(end - middle) - 1, 60),
                (const char *)middle + 1);
}

static int call(Pickle *p)
{
    const int arguments = pop(p);
    NST_TRY(arguments);
    const int function = pop(p);
    NST_TRY(function);
    const Value *callee = &p->values->all[function];
    if (callee->type != VALUE_GLOBAL || p->values->all[arguments].type != VALUE_LIST)
        return malformed(p, "a class and its arguments");
    const bool dict = value_is_text(callee, ALLOWED[0]);
    const int result = values_add_text(p->values, dict ? VALUE_DICT : VALUE_CALL, callee->text, callee->length, p->err);
    NST_TRY(result);
    for (int i = 0; !dict && i < p->values->all[arguments].n; i++)
        NST_TRY(values_append(p->values, result, p->values->all[arguments].items[i], p->err));
    return push(p, result);
}

static int persistent(Pickle *p)
{
    const int id = pop(p);
    NST_TRY(id);
    const int result = values_add_text(p->values, VALUE_CALL, "persistent", 10, p->err);
    NST_TRY(result);
    NST_TRY(values_append(p->values, result, id, p->err));
    return push(p, result);
}

/* An object's attributes are of no use here: that of a state_dict holds versions of its modules. */
static int build(Pickle *p)
{
    NST_TRY(pop(p));
    return top(p, VALUE_DICT) < 0 ? malformed(p, "a dictionary") : NST_OK;
}

static int put(Pickle *p, uint32_t at)
{
    if (p->stack.n < 1 || p->stack.all[p->stack.n - 1] == MARK)
        return malformed(p, "an object to remember");
    if (at >= MAX_MEMO)
        return fail(p->err, NST_ETOOLARGE, "at most %d remembered objects expected, number %u found", MAX_MEMO, at);
    while ((uint32_t)p->memo.n <= at)
        NST_TRY(push_to(p, &p->memo, MARK));
    p->memo.all[at] = p->stack.all[p->stack.n - 1];
    return NST_OK;
}

static int get(Pickle *p, uint32_t at)
{
    if (at >= (uint32_t)p->memo.n || p->memo.all[at] == MARK)
        return malformed(p, "a remembered object");
    return push(p, p->memo.all[at]);
}

/* Little-endian, unsigned, of n bytes (at most 4) */
static int read_count(Pickle *p, size_t n, uint32_t *count)
{
    *count = 0;
    return bytes_copy(p->bytes, count, n) ? NST_OK : malformed(p, "a number");
}

static int read_text(Pickle *p, size_t bytes_of_length)
{
    uint32_t length;
    NST_TRY(read_count(p, bytes_of_length, &length));
    const uint8_t *text = bytes_take(p->bytes, length);
    return text ? push(p, values_add_text(p->values, VALUE_TEXT, text, length, p->err)) : malformed(p, "a text");
}

static int push_number(Pickle *p, ValueType type, double number)
{
    return push(p, values_add_number(p->values, type, number, p->err));
}

static int read_integer(Pickle *p, size_t n)
{
    uint32_t bits;
    NST_TRY(read_count(p, n, &bits));
    return push_number(p, VALUE_NUMBER, n == 4 ? (int32_t)bits : (double)bits);
}

/* Of any length; where it is beyond 64 bits only its bytes are kept. */
static int read_long(Pickle *p)
{
    uint32_t n;
    int64_t number = 0;
    NST_TRY(read_count(p, 1, &n));
    const uint8_t *bytes = bytes_take(p->bytes, n);
    if (!bytes)
        return malformed(p, "a number");
    if (n <= sizeof(number) && n > 0) {
        memset(&number, bytes[n - 1] & 0x80 ? 0xff : 0, sizeof(number));
        memcpy(&number, bytes, n);
    }
    const int index = values_add_text(p->values, VALUE_NUMBER, bytes, n, p->err);
    NST_TRY(index);
    p->values->all[index].number = n <= sizeof(number) ? (double)number : NAN;
    return push(p, index);
}

static int read_real(Pickle *p)
{
    uint64_t bits;
    double number;
    if (!bytes_copy(p->bytes, &bits, sizeof(bits)))
        return malformed(p, "a number");
    bits = __builtin_bswap64(bits);
    memcpy(&number, &bits, sizeof(number));
    return push_number(p, VALUE_NUMBER, number);
}

static int read_memo(Pickle *p, size_t n, int (*use)(Pickle *, uint32_t))
{
    uint32_t at;
    NST_TRY(read_count(p, n, &at));
    return use(p, at);
}

static int run(Pickle *p, uint8_t code)
{
    uint32_t ignored;
    switch (code) {
    case 0x80: return read_count(p, 1, &ignored); /* protocol */
    case '(': return push_to(p, &p->stack, MARK);
    case '}': return push(p, values_add(p->values, VALUE_DICT, p->err));
    case ']':
    case ')': return push(p, values_add(p->values, VALUE_LIST, p->err));
    case 't': return tuple_to_mark(p);
    case 0x85: return make_tuple(p, 1);
    case 0x86: return make_tuple(p, 2);
    case 0x87: return make_tuple(p, 3);
    case 'u': return add_items(p, VALUE_DICT);
    case 'e': return add_items(p, VALUE_LIST);
    case 's': return add_pair(p, VALUE_DICT, 2);
    case 'a': return add_pair(p, VALUE_LIST, 1);
    case 'N': return push(p, values_add(p->values, VALUE_NONE, p->err));
    case 0x88: return push_number(p, VALUE_BOOL, 1);
    case 0x89: return push_number(p, VALUE_BOOL, 0);
    case 'K': return read_integer(p, 1);
    case 'M': return read_integer(p, 2);
    case 'J': return read_integer(p, 4);
    case 0x8a: return read_long(p);
    case 'G': return read_real(p);
    case 'U': return read_text(p, 1);
    case 'T':
    case 'X': return read_text(p, 4);
    case 'c': return read_global(p);
    case 'R': return call(p);
    case 'b': return build(p);
    case 'Q': return persistent(p);
    case 'q': return read_memo(p, 1, put);
    case 'r': return read_memo(p, 4, put);
    case 'h': return read_memo(p, 1, get);
    case 'j': return read_memo(p, 4, get);
    default:
        return fail(p->err, NST_EUNSUPPORTED, "a pickle of protocol 2 with tensors alone expected, opcode 0x%02x found",
                    (unsigned)code);
    }
}

int pickle_read(Values *values, Bytes *bytes, int *root, NstError *err)
{
    Pickle p = {.values = values, .bytes = bytes, .err = err};
    uint8_t code = 0;
    int status = NST_OK;
    while (status >= 0 && code != '.') {
        if (!bytes_copy(bytes, &code, 1))
            status = malformed(&p, "the end of the pickle");
        else if (code != '.')
            status = run(&p, code);
    }
    if (status >= 0)
        status = *root = pop(&p);
    free(p.stack.all);
    free(p.memo.all);
    return status < 0 ? fail_within(err, status, "pickle") : NST_OK;
}
