source_filename = "builtins.ll"

; 128-bit arithmetic, in the form in which LLVM's BPF back end calls it: the result comes back in registers.
; Rust's own versions return through a hidden pointer, so that a call of them would write to the address in the first
; argument. This module is the linker's first input, and a strong definition wins over Rust's weak ones.
target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpfel"

; Hides where a value comes from. Without it LLVM sees that the partial products below add up to a 128-bit
; multiplication, and turns the body of __multi3 into a call of itself.
define internal i64 @opaque(i64 %value) alwaysinline nounwind {
  %same = call i64 asm "", "=r,0"(i64 %value)
  ret i64 %same
}

; 64 x 64 -> 128 bits, by 32-bit halves. The middle sum cannot overflow: 2 * (2^32 - 1) + (2^32 - 1)^2 < 2^64.
define internal i128 @multiply_wide(i64 %a, i64 %b) alwaysinline nounwind {
  %a.low = and i64 %a, 4294967295
  %a.shifted = lshr i64 %a, 32
  %a.high = call i64 @opaque(i64 %a.shifted)
  %b.low = and i64 %b, 4294967295
  %b.shifted = lshr i64 %b, 32
  %b.high = call i64 @opaque(i64 %b.shifted)
  %low.low = mul i64 %a.low, %b.low
  %low.high = mul i64 %a.low, %b.high
  %high.low = mul i64 %a.high, %b.low
  %high.high = mul i64 %a.high, %b.high
  %carry = lshr i64 %low.low, 32
  %low.high.low = and i64 %low.high, 4294967295
  %middle.part = add i64 %carry, %low.high.low
  %middle = add i64 %middle.part, %high.low
  %low.high.high = lshr i64 %low.high, 32
  %middle.high = lshr i64 %middle, 32
  %high.part = add i64 %high.high, %low.high.high
  %high = add i64 %high.part, %middle.high
  %middle.shifted = shl i64 %middle, 32
  %low.low.low = and i64 %low.low, 4294967295
  %low = or i64 %middle.shifted, %low.low.low
  %result = call i128 @join(i64 %low, i64 %high)
  ret i128 %result
}

define internal i128 @join(i64 %low, i64 %high) alwaysinline nounwind {
  %low.wide = zext i64 %low to i128
  %high.wide = zext i64 %high to i128
  %high.shifted = shl i128 %high.wide, 64
  %result = or i128 %low.wide, %high.shifted
  ret i128 %result
}

define internal i64 @low_half(i128 %value) alwaysinline nounwind {
  %half = trunc i128 %value to i64
  ret i64 %half
}

define internal i64 @high_half(i128 %value) alwaysinline nounwind {
  %shifted = lshr i128 %value, 64
  %half = trunc i128 %shifted to i64
  ret i64 %half
}

define i128 @__multi3(i128 %a, i128 %b) nounwind {
  %a.low = call i64 @low_half(i128 %a)
  %a.high = call i64 @high_half(i128 %a)
  %b.low = call i64 @low_half(i128 %b)
  %b.high = call i64 @high_half(i128 %b)
  %product = call i128 @multiply_wide(i64 %a.low, i64 %b.low)
  %product.low = call i64 @low_half(i128 %product)
  %product.high = call i64 @high_half(i128 %product)
  %cross.one = mul i64 %a.high, %b.low
  %cross.two = mul i64 %a.low, %b.high
  %cross = add i64 %cross.one, %cross.two
  %high = add i64 %product.high, %cross
  %result = call i128 @join(i64 %product.low, i64 %high)
  ret i128 %result
}

; One 32-bit digit of a quotient: (%rest * 2^32 + %digit) / (%divisor.high * 2^32 + %divisor.low), where the divisor's
; top bit is set and %rest is less than the divisor. The estimate is at most two too large (Knuth, TAOCP 2, 4.3.1 D).
define internal i64 @quotient_digit(i64 %rest, i64 %digit, i64 %divisor.high, i64 %divisor.low) alwaysinline nounwind {
entry:
  %estimate = udiv i64 %rest, %divisor.high
  %estimated = mul i64 %estimate, %divisor.high
  %remainder = sub i64 %rest, %estimated
  br label %check
check:
  %q = phi i64 [ %estimate, %entry ], [ %q.less, %again ]
  %r = phi i64 [ %remainder, %entry ], [ %r.more, %again ]
  %q.too.wide = icmp ugt i64 %q, 4294967295
  br i1 %q.too.wide, label %correct, label %compare
compare:
  %left = mul i64 %q, %divisor.low
  %r.shifted = shl i64 %r, 32
  %right = or i64 %r.shifted, %digit
  %too.large = icmp ugt i64 %left, %right
  br i1 %too.large, label %correct, label %done
correct:
  %q.less = add i64 %q, -1
  %r.more = add i64 %r, %divisor.high
  %r.fits = icmp ult i64 %r.more, 4294967296
  br i1 %r.fits, label %again, label %corrected
again:
  br label %check
corrected:
  br label %done
done:
  %result = phi i64 [ %q, %compare ], [ %q.less, %corrected ]
  ret i64 %result
}

; 128 / 64 -> 64 bits; %high must be less than %divisor, so that the quotient fits.
define internal i64 @divide_narrow(i64 %high, i64 %low, i64 %divisor) noinline nounwind {
  %shift = call i64 @llvm.ctlz.i64(i64 %divisor, i1 true)
  %d = shl i64 %divisor, %shift
  %high.shifted = shl i64 %high, %shift
  ; low >> (64 - shift), written so that a shift of zero is not a shift by 64.
  %inverse = sub i64 63, %shift
  %low.halved = lshr i64 %low, 1
  %low.carried = lshr i64 %low.halved, %inverse
  %rest = or i64 %high.shifted, %low.carried
  %low.shifted = shl i64 %low, %shift
  %digit.one = lshr i64 %low.shifted, 32
  %digit.zero = and i64 %low.shifted, 4294967295
  %d.high = lshr i64 %d, 32
  %d.low = and i64 %d, 4294967295
  %q.one = call i64 @quotient_digit(i64 %rest, i64 %digit.one, i64 %d.high, i64 %d.low)
  %rest.shifted = shl i64 %rest, 32
  %rest.next = or i64 %rest.shifted, %digit.one
  %taken = mul i64 %q.one, %d
  %rest.left = sub i64 %rest.next, %taken
  %q.zero = call i64 @quotient_digit(i64 %rest.left, i64 %digit.zero, i64 %d.high, i64 %d.low)
  %q.one.shifted = shl i64 %q.one, 32
  %result = add i64 %q.one.shifted, %q.zero
  ret i64 %result
}

define i128 @__udivti3(i128 %a, i128 %b) nounwind {
  %a.low = call i64 @low_half(i128 %a)
  %a.high = call i64 @high_half(i128 %a)
  %b.low = call i64 @low_half(i128 %b)
  %b.high = call i64 @high_half(i128 %b)
  %divisor.is.wide = icmp ne i64 %b.high, 0
  br i1 %divisor.is.wide, label %wide, label %narrow

narrow:
  %dividend.is.wide = icmp ne i64 %a.high, 0
  br i1 %dividend.is.wide, label %mixed, label %small
small:
  %small.quotient = udiv i64 %a.low, %b.low
  %small.result = zext i64 %small.quotient to i128
  ret i128 %small.result
mixed:
  %q.high = udiv i64 %a.high, %b.low
  %q.high.taken = mul i64 %q.high, %b.low
  %rest = sub i64 %a.high, %q.high.taken
  %divisor.is.short = icmp ult i64 %b.low, 4294967296
  br i1 %divisor.is.short, label %short, label %long
short:
  ; The divisor is one 32-bit digit (a price, a share in basis points): schoolbook division.
  %rest.one = shl i64 %rest, 32
  %digit.one = lshr i64 %a.low, 32
  %part.one = or i64 %rest.one, %digit.one
  %q.one = udiv i64 %part.one, %b.low
  %q.one.taken = mul i64 %q.one, %b.low
  %left.one = sub i64 %part.one, %q.one.taken
  %rest.zero = shl i64 %left.one, 32
  %digit.zero = and i64 %a.low, 4294967295
  %part.zero = or i64 %rest.zero, %digit.zero
  %q.zero = udiv i64 %part.zero, %b.low
  %q.one.shifted = shl i64 %q.one, 32
  %short.low = or i64 %q.one.shifted, %q.zero
  br label %mixed.done
long:
  %long.low = call i64 @divide_narrow(i64 %rest, i64 %a.low, i64 %b.low)
  br label %mixed.done
mixed.done:
  %q.low = phi i64 [ %short.low, %short ], [ %long.low, %long ]
  %mixed.result = call i128 @join(i64 %q.low, i64 %q.high)
  ret i128 %mixed.result

wide:
  ; The quotient has at most 64 bits. Estimate it from the divisor's top 64 bits: it is right or one too large
  ; (Warren, Hacker's Delight, 9-5), then one too small at most after the decrement.
  %shift = call i64 @llvm.ctlz.i64(i64 %b.high, i1 true)
  %shift.inverse = sub i64 63, %shift
  %b.high.shifted = shl i64 %b.high, %shift
  %b.low.halved = lshr i64 %b.low, 1
  %b.low.carried = lshr i64 %b.low.halved, %shift.inverse
  %d = or i64 %b.high.shifted, %b.low.carried
  %half.high = lshr i64 %a.high, 1
  %half.low.carried = shl i64 %a.high, 63
  %half.low.shifted = lshr i64 %a.low, 1
  %half.low = or i64 %half.low.carried, %half.low.shifted
  %estimate = call i64 @divide_narrow(i64 %half.high, i64 %half.low, i64 %d)
  %estimate.scaled = lshr i64 %estimate, %shift.inverse
  %estimate.is.zero = icmp eq i64 %estimate.scaled, 0
  %estimate.less = add i64 %estimate.scaled, -1
  %q = select i1 %estimate.is.zero, i64 0, i64 %estimate.less
  %taken.wide = call i128 @multiply_wide(i64 %q, i64 %b.low)
  %cross = mul i64 %q, %b.high
  %cross.wide = zext i64 %cross to i128
  %cross.shifted = shl i128 %cross.wide, 64
  %taken = add i128 %taken.wide, %cross.shifted
  %left = sub i128 %a, %taken
  %one.more = icmp uge i128 %left, %b
  %one = zext i1 %one.more to i64
  %q.exact = add i64 %q, %one
  %wide.result = zext i64 %q.exact to i128
  ret i128 %wide.result
}

define i128 @__umodti3(i128 %a, i128 %b) nounwind {
  %quotient = call i128 @__udivti3(i128 %a, i128 %b)
  %taken = call i128 @__multi3(i128 %quotient, i128 %b)
  %left = sub i128 %a, %taken
  ret i128 %left
}

; Signed division truncates towards zero, and the remainder takes the dividend's sign. Rust checks MIN / -1 itself.
define internal i128 @magnitude(i128 %value) alwaysinline nounwind {
  %negative = icmp slt i128 %value, 0
  %negated = sub i128 0, %value
  %result = select i1 %negative, i128 %negated, i128 %value
  ret i128 %result
}

define i128 @__divti3(i128 %a, i128 %b) nounwind {
  %a.magnitude = call i128 @magnitude(i128 %a)
  %b.magnitude = call i128 @magnitude(i128 %b)
  %quotient = call i128 @__udivti3(i128 %a.magnitude, i128 %b.magnitude)
  %signs = xor i128 %a, %b
  %differ = icmp slt i128 %signs, 0
  %negated = sub i128 0, %quotient
  %result = select i1 %differ, i128 %negated, i128 %quotient
  ret i128 %result
}

define i128 @__modti3(i128 %a, i128 %b) nounwind {
  %a.magnitude = call i128 @magnitude(i128 %a)
  %b.magnitude = call i128 @magnitude(i128 %b)
  %rest = call i128 @__umodti3(i128 %a.magnitude, i128 %b.magnitude)
  %negative = icmp slt i128 %a, 0
  %negated = sub i128 0, %rest
  %result = select i1 %negative, i128 %negated, i128 %rest
  ret i128 %result
}

declare i64 @llvm.ctlz.i64(i64, i1)

; Copying, filling and comparing by system call, as the platform's own toolchain does: some ten compute units each,
; where Rust's loops cost several per byte. (Only what the compiler could not turn into single moves gets here.)
define ptr @memcpy(ptr %to, ptr %from, i64 %count) nounwind {
  call void @sol_memcpy_(ptr %to, ptr %from, i64 %count)
  ret ptr %to
}

define ptr @memmove(ptr %to, ptr %from, i64 %count) nounwind {
  call void @sol_memmove_(ptr %to, ptr %from, i64 %count)
  ret ptr %to
}

define ptr @memset(ptr %to, i32 %value, i64 %count) nounwind {
  %byte = trunc i32 %value to i8
  call void @sol_memset_(ptr %to, i8 %byte, i64 %count)
  ret ptr %to
}

define i32 @memcmp(ptr %a, ptr %b, i64 %count) nounwind {
  %result = alloca i32
  store i32 0, ptr %result
  call void @sol_memcmp_(ptr %a, ptr %b, i64 %count, ptr %result)
  %order = load i32, ptr %result
  ret i32 %order
}

declare void @sol_memcpy_(ptr, ptr, i64)
declare void @sol_memmove_(ptr, ptr, i64)
declare void @sol_memset_(ptr, i8, i64)
declare void @sol_memcmp_(ptr, ptr, i64, ptr)
