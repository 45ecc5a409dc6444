/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "op_conv.h"
#include "plan_internal.h"

/* Whether the value of node `input` is made from a stored one by way of the virtual node. */
static bool passes_through(const NstPlan *plan, int input, int node)
{
    const NstView *view = &plan->view[input];
    for (int i = 0; view->sum >= 0 && i < 2; i++)
        if (passes_through(plan, plan_input(plan, view->sum, i), node))
            return true;
    return view->sum == node || view->norm == node || view->relu == node || view->upsample == node ||
           view->depthwise == node;
}

static bool loads(const NstPlan *plan, int reader, int node)
{
    if (!plan->live[reader] || plan->is_virtual[reader] || plan_is_made_later(plan, reader))
        return false;
    for (int i = 0; i < plan_node(plan, reader)->n_inputs; i++)
        if (passes_through(plan, plan_input(plan, reader, i), node))
            return true;
    return false;
}

__attribute__((format(printf, 2, 3))) static void append(NstExplanation *explanation, const char *format, ...)
{
    size_t used = strlen(explanation->algorithm);
    va_list args;
    va_start(args, format);
    vsnprintf(explanation->algorithm + used, sizeof(explanation->algorithm) - used, format, args);
    va_end(args);
}

static void explain_virtual(const NstPlan *plan, int node, NstExplanation *explanation)
{
    bool first = true;
    append(explanation, plan_node(plan, node)->op == NST_OP_INSTANCE_NORM ? "statistics; applied by" : "loaded by");
    for (int i = node + 1; i < plan->graph->n_nodes; i++)
        if (loads(plan, i, node)) {
            append(explanation, "%s %s", first ? "" : ",", plan_node(plan, i)->name);
            first = false;
        }
}

static double node_macs(const NstPlan *plan, int node)
{
    bool transposed = plan_node(plan, node)->op == NST_OP_CONV_TRANSPOSE2D;
    int64_t macs = graph_node_macs(plan->graph, node);
    return (double)macs * (double)shape_plane(plan->shapes[transposed ? plan_input(plan, node, 0) : node]);
}

void explain_node(const NstPlan *plan, int node, NstExplanation *explanation)
{
    *explanation = (NstExplanation){.macs = 0};
    if (!plan->live[node]) {
        append(explanation, "not needed");
    } else if (plan->is_virtual[node]) {
        explain_virtual(plan, node, explanation);
    } else {
        explanation->macs = node_macs(plan, node);
        for (int i = 0; i < node; i++)
            if (plan->is_virtual[i] && loads(plan, node, i))
                explanation->macs += node_macs(plan, i);
        if (plan_node(plan, node)->op == NST_OP_CONV2D) {
            NstConv conv = op_conv_geometry(plan, node);
            const bool phased = op_conv_is_phased(plan, node);
            append(explanation, "%s", phased ? "Winograd 4x4, four phases" : conv_algorithm(&conv));
        } else if (plan_is_made_before(plan, node)) {
            append(explanation, "with %s", plan_node(plan, plan_input(plan, node, 0))->name);
        } else if (plan_is_made_later(plan, node)) {
            append(explanation, "added by %s", plan_node(plan, plan->read_until[node])->name);
        } else if (node > 0) {
            append(explanation, "own pass");
        }
    }
}
